// Shows randomBytes.
// compare: exit console
import { randomBytes } from 'k6/crypto';

export const options = { iterations: 1 };

export default function () {
  const bytes = randomBytes(32);
  console.log(bytes instanceof ArrayBuffer, bytes.byteLength);
  console.log(new Uint8Array(bytes).some((byte) => byte !== 0));
  try {
    randomBytes(-1);
    console.log('made');
  } catch (error) {
    console.log('refused');
  }
}
