// Shows http.file: a form in parts.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

const text = open('./with/note.txt');
const bytes = open('./with/bytes.bin', 'b');

export default function () {
  const answer = http.post(`${__ENV.HTTP}/upload`, {
    field: 'value',
    number: 7,
    note: http.file(text, 'note.txt', 'text/plain'),
    picture: http.file(bytes, 'bytes.bin'),
    bare: http.file('abc'),
  });
  const parts = answer.json('parts').sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const part of parts) {
    console.log(part.name, part.type, part.size, part.text, part.base64, part.name === 'bare' || part.filename);
  }
  console.log(answer.json('headers.content-type').split(';')[0]);
}
