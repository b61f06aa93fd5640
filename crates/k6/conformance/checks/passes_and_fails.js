// Shows checks: counted by name, and what check() returns.
// compare: usual console
import http from 'k6/http';
import { check } from 'k6';

export const options = { iterations: 3 };

export default function () {
  const answer = http.get(`${__ENV.HTTP}/json`);
  const all = check(answer, {
    'status is 200': (r) => r.status === 200,
    'is first': () => __ITER === 0,
    'has ships': (r) => r.json('ships').length === 3,
  });
  console.log(all, check(answer, { one: () => true }), check(answer, {}));
}
