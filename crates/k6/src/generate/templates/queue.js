import http from 'k6/http';
import { check } from 'k6';

// Run it with `seaworthy run --queue -e BASE_URL=https://your.service script.js`.
//
// Users of a public service come at their own pace, however slow it is. At an arrival rate, an
// iteration that finds no free virtual user is dropped and not measured: a service that stands still
// for a second looks fast. With `--queue` it waits, and its response time counts from when it was
// due, so the second shows in every request of it.
const BASE_URL = __ENV.BASE_URL || 'http://127.0.0.1:8080';

export const options = {
  scenarios: {
    visitors: {
      executor: 'ramping-arrival-rate',
      startRate: 10,
      timeUnit: '1s',
      preAllocatedVUs: 50,
      maxVUs: 200,
      stages: [
        { duration: '1m', target: 100 },
        { duration: '3m', target: 100 },
      ],
    },
  },
  thresholds: {
    http_req_failed: ['rate<0.01'],
    http_req_duration: ['p(95)<500'],
    // Without `--queue`, this says whether the times above can be believed.
    dropped_iterations: ['count<1'],
  },
};

// No `sleep` here: how often it is done is the scenario's to say.
export default function () {
  const response = http.get(`${BASE_URL}/`);
  check(response, { 'status is 200': (answer) => answer.status === 200 });
}
