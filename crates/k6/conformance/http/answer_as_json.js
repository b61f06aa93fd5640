// Shows what JSON.stringify makes of an answer: names of fields.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answer = JSON.parse(JSON.stringify(http.get(`${__ENV.HTTP}/json`)));
  console.log(answer.status, typeof answer.body, answer.headers['Content-Type'], answer.request.method);
  console.log(Object.keys(answer).sort().join(' '));
}
