// Shows the kind of object an answer is.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answer = http.get(`${__ENV.HTTP}/get`);
  console.log(typeof answer, Array.isArray(answer), String(answer).slice(0, 8), typeof answer.json, typeof answer.html);
}
