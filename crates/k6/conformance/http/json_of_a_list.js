// Shows json() of a list.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answer = http.get(`${__ENV.HTTP}/json/array`);
  console.log(JSON.stringify(answer.json()), answer.json('#'), answer.json('1'), answer.json('2.three'), answer.json('3'));
}
