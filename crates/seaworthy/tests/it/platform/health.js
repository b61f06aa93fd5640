// The health of three services, as a team watches it: their own words, no token.
import http from 'k6/http';
import { check, sleep } from 'k6';

export const options = {
  stages: [
    { duration: '1s', target: 20 },
    { duration: '3s', target: 20 },
    { duration: '1s', target: 0 },
  ],
  thresholds: {
    http_req_duration: ['p(95)<500', 'p(99)<1000'],
    http_req_failed: ['rate<0.1'],
    checks: ['rate==1'],
  },
};

const places = {
  gateway: 'http://gateway-api:10000/ready',
  orchestrator: 'http://orchestrator:10001/ready',
  policy: 'http://policy-engine:10020/health',
};

export default function () {
  for (const [name, place] of Object.entries(places)) {
    const answer = http.get(place);
    check(answer, { [`${name} is well`]: (it) => it.status === 200 });
  }
  sleep(0.5);
}
