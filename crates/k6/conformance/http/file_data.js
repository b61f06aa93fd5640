// Shows what http.file returns.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const file = http.file('text', 'a.txt', 'text/x-own');
  console.log(Object.keys(file).sort().join(' '), file.filename, file.content_type);
  const usual = http.file(new Uint8Array([1, 2, 3]).buffer, 'b.bin');
  console.log(usual.filename, usual.content_type, typeof http.file('x').filename);
}
