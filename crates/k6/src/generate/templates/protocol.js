import http from 'k6/http';
import { check, group, sleep } from 'k6';
import { Trend } from 'k6/metrics';

// Run it with `seaworthy run -e BASE_URL=https://your.service script.js`.
const BASE_URL = __ENV.BASE_URL || 'http://127.0.0.1:8080';

// A metric of your own; `true` says that its values are times.
const answerTime = new Trend('answer_time', true);

export const options = {
  scenarios: {
    // Virtual users come, stay and go.
    readers: {
      executor: 'ramping-vus',
      exec: 'read',
      stages: [
        { duration: '30s', target: 20 },
        { duration: '2m', target: 20 },
        { duration: '30s', target: 0 },
      ],
    },
    // A few write all the while.
    writers: {
      executor: 'constant-vus',
      exec: 'write',
      vus: 2,
      duration: '3m',
      tags: { kind: 'write' },
    },
  },
  thresholds: {
    // The run fails when one of these does not hold.
    http_req_failed: ['rate<0.01'],
    http_req_duration: ['p(95)<500', 'p(99)<1500'],
    'http_req_duration{kind:write}': ['p(95)<1000'],
    checks: ['rate>0.99'],
  },
};

// Done once, before the virtual users begin. They all get what it returns.
export function setup() {
  const response = http.get(`${BASE_URL}/`);
  if (response.status === 0) {
    throw new Error(`${BASE_URL} does not answer: ${response.error}`);
  }
  return { began: new Date().toISOString() };
}

export function read() {
  group('front page', () => {
    const response = http.get(`${BASE_URL}/`, { tags: { name: 'front page' } });
    check(response, {
      'status is 200': (answer) => answer.status === 200,
      'has a body': (answer) => answer.body && answer.body.length > 0,
    });
    answerTime.add(response.timings.duration);
  });
  sleep(Math.random() * 2 + 1);
}

export function write() {
  const body = JSON.stringify({ user: __VU, turn: __ITER });
  const params = { headers: { 'Content-Type': 'application/json' }, timeout: '10s' };
  const response = http.post(`${BASE_URL}/items`, body, params);
  check(response, { 'was taken': (answer) => answer.status >= 200 && answer.status < 300 });
  sleep(1);
}

// Without scenarios (`--vus 1 --iterations 1`), this is what is done.
export default function () {
  read();
  write();
}

// Done once, after the last virtual user.
export function teardown(data) {
  console.log(`began at ${data.began}`);
}
