// Shows every hash, in every form.
// compare: exit console
import crypto from 'k6/crypto';

export const options = { iterations: 1 };

export default function () {
  for (const name of ['md4', 'md5', 'sha1', 'sha256', 'sha384', 'sha512', 'sha512_224', 'sha512_256', 'ripemd160']) {
    console.log(name, crypto[name]('harbour', 'hex'));
    console.log(name, crypto[name](new Uint8Array([0, 255]).buffer, 'base64'));
  }
  console.log(crypto.sha1('a', 'base64'), crypto.sha1('a', 'base64url'), crypto.sha1('a', 'base64rawurl'));
  console.log(Array.from(new Uint8Array(crypto.md5('a', 'binary'))).join(' '));
  console.log(crypto.hexEncode('zwölf'), crypto.hexEncode(new Uint8Array([1, 171]).buffer));
  for (const wrong of [() => crypto.sha1('a', 'octal'), () => crypto.sha1(), () => crypto.sha1(5, 'hex')]) {
    try {
      console.log(wrong());
    } catch (error) {
      console.log('refused');
    }
  }
}
