// Shows an object as a body: a form.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

const sorted = (form) => JSON.stringify(Object.fromEntries(Object.entries(form).sort()));

export default function () {
  const answer = http.post(`${__ENV.HTTP}/post`, { name: 'Ada & Bea', number: 5, yes: true, empty: '' });
  console.log(answer.json('headers.content-type'));
  console.log(sorted(answer.json('form')), answer.json('length'));
  const lists = http.post(`${__ENV.HTTP}/post`, { many: ['a', 'b'] });
  console.log(lists.json('headers.content-type'), sorted(lists.json('form')));
  const own = http.post(`${__ENV.HTTP}/post`, { a: 'b' }, { headers: { 'Content-Type': 'text/odd' } });
  console.log(own.json('headers.content-type'), own.json('body'));
}
