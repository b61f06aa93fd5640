// Shows that the second argument of get and head is its parameters.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answer = http.get(`${__ENV.HTTP}/anything`, { headers: { 'X-Ship': 'Ada' }, tags: { a: 'b' } });
  console.log(answer.json('headers.x-ship'), JSON.stringify(answer.json('body')));
  console.log(http.head(`${__ENV.HTTP}/anything`, { headers: { 'X-Ship': 'Bea' } }).status);
}
