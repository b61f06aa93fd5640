// Shows a hash that is fed in pieces.
// compare: exit console
import crypto from 'k6/crypto';

export const options = { iterations: 1 };

export default function () {
  const hasher = crypto.createHash('sha256');
  hasher.update('har');
  hasher.update(new TextEncoder().encode('bour').buffer);
  console.log(hasher.digest('hex') === crypto.sha256('harbour', 'hex'));
  hasher.update('more');
  console.log(hasher.digest('hex') === crypto.sha256('harbourmore', 'hex'), hasher.digest('base64rawurl'));
}
