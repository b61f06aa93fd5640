// Shows bodies that come in pieces.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answer = http.get(`${__ENV.HTTP}/stream/5`);
  console.log(answer.body.trim().split('\n').length, answer.headers['Content-Length']);
  const slow = http.get(`${__ENV.HTTP}/drip/4/30`);
  console.log(slow.body.length, slow.timings.receiving > 60);
}
