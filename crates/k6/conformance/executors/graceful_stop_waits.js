// Shows that an iteration may finish within gracefulStop.
// compare: usual
import http from 'k6/http';
import { sleep } from 'k6';

export const options = {
  scenarios: { waits: { executor: 'constant-vus', vus: 2, duration: '1s', gracefulStop: '5s' } },
};

export default function () {
  http.get(`${__ENV.HTTP}/get`);
  sleep(1.5);
  http.get(`${__ENV.HTTP}/anything/after`);
}
