// Shows texts as bodies: JSON, letters beyond ASCII, nothing at all.
// compare: exit console
// differs: console.5: an empty text has Content-Length: 0, as no body at all has in k6 too, which sends it in chunks there
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const headers = { 'Content-Type': 'application/json' };
  const ask = (body, params) => http.post(`${__ENV.HTTP}/post`, body, params);
  console.log(JSON.stringify(ask(JSON.stringify({ a: [1, 'ü'] }), { headers }).json('json')));
  console.log(ask('zwölf ⚓').json('length'), ask('zwölf ⚓').json('body'));
  console.log(ask('x').json('headers.content-type'), ask('x').json('headers.content-length'));
  for (const nothing of [undefined, null, '']) {
    const answer = ask(nothing);
    console.log(answer.json('length'), answer.json('headers.content-length'), answer.json('headers.content-type'));
  }
}
