// Shows that what setup returns is the iterations' argument, and teardown's.
// run: --vus 2 --iterations 4
// compare: usual lines
import http from 'k6/http';
import { check } from 'k6';

export function setup() {
  const answer = http.get(`${__ENV.HTTP}/json`);
  return { name: answer.json('name'), list: [1, 2, { three: 3 }] };
}

export default function (data) {
  check(data, {
    'text arrives': (d) => d.name === 'harbour',
    'structure arrives': (d) => d.list[2].three === 3,
  });
}

export function teardown(data) {
  console.log(`teardown got ${JSON.stringify(data)}`);
}
