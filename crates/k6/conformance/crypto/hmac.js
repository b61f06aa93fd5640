// Shows keyed hashes.
// compare: exit console
import crypto, { hmac } from 'k6/crypto';

export const options = { iterations: 1 };

export default function () {
  for (const name of ['md4', 'md5', 'sha1', 'sha256', 'sha384', 'sha512', 'sha512_224', 'sha512_256', 'ripemd160']) {
    console.log(name, hmac(name, 'key', 'harbour', 'hex'));
  }
  console.log(hmac('sha256', new Uint8Array([1, 2]).buffer, new Uint8Array([3]).buffer, 'base64'));
  try {
    console.log(hmac('sha7', 'k', 'd', 'hex'));
  } catch (error) {
    console.log('refused');
  }
  const hasher = crypto.createHMAC('sha256', 'key');
  hasher.update('har');
  hasher.update('bour');
  console.log(hasher.digest('hex'), hasher.digest('hex') === hmac('sha256', 'key', 'harbour', 'hex'));
}
