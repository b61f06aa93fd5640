// Shows that an abort by one user ends the others in the middle of what they do.
// compare: exit counts
import exec from 'k6/execution';
import http from 'k6/http';
import { sleep } from 'k6';

export const options = { scenarios: { all: { executor: 'per-vu-iterations', vus: 3, iterations: 1 } } };

export default function () {
  if (__VU === 1) {
    sleep(0.3);
    exec.test.abort();
  }
  sleep(30);
  http.get(`${__ENV.HTTP}/never`);
}
