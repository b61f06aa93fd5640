// Shows that requests, checks, groups and metrics work in setup and teardown, under their own group.
// run: --iterations 1
// compare: usual values
import http from 'k6/http';
import { check, group } from 'k6';
import { Counter } from 'k6/metrics';

const seen = new Counter('seen');

export function setup() {
  seen.add(1, { where: 'setup' });
  group('warm', () => {
    check(http.get(`${__ENV.HTTP}/get`), { 'setup is answered': (r) => r.status === 200 });
  });
}

export default function () {
  seen.add(1, { where: 'iteration' });
}

export function teardown() {
  seen.add(1, { where: 'teardown' });
  check(http.del(`${__ENV.HTTP}/delete`), { 'teardown is answered': (r) => r.status === 200 });
}
