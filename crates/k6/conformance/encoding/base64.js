// Shows base64 in all its variants, both ways.
// compare: exit console
import encoding, { b64encode, b64decode } from 'k6/encoding';

export const options = { iterations: 1 };

export default function () {
  const text = 'hällo?>⚓';
  for (const variant of [undefined, 'std', 'rawstd', 'url', 'rawurl']) {
    const encoded = b64encode(text, variant);
    console.log(variant, encoded, b64decode(encoded, variant, 's') === text);
  }
  console.log(b64encode(new Uint8Array([255, 254, 253]).buffer), b64encode(''), encoding.b64encode('a'));
  const bytes = b64decode('//79');
  console.log(bytes instanceof ArrayBuffer, Array.from(new Uint8Array(bytes)).join(' '));
  for (const wrong of ['@@@', 'YQ', null]) {
    try {
      console.log(JSON.stringify(b64decode(wrong, 'std', 's')));
    } catch (error) {
      console.log('refused');
    }
  }
}
