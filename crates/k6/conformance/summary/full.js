// Shows the rows of --summary-mode full.
// run: --iterations 2 --summary-mode full
// compare: exit summary
import http from 'k6/http';
import { check, group } from 'k6';

export const options = {
  scenarios: {
    one: { executor: 'shared-iterations', iterations: 1, vus: 1 },
    two: { executor: 'shared-iterations', iterations: 1, vus: 1, exec: 'two' },
  },
};

export default function () {
  group('page', () => {
    check(http.get(`${__ENV.HTTP}/`), { 'is up': (r) => r.status === 200 });
  });
}

export function two() {
  http.get(`${__ENV.HTTP}/get`);
}
