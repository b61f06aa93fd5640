// A wizard that the hub does not know by name, its first answer in free text, and the metrics.
import http from 'k6/http';
import { check, group, sleep } from 'k6';

export const options = {
  stages: [
    { duration: '1s', target: 20 },
    { duration: '3s', target: 20 },
    { duration: '1s', target: 0 },
  ],
  thresholds: {
    http_req_duration: ['p(95)<1000', 'p(99)<2000'],
    http_req_failed: ['rate<0.05'],
    group_duration: ['p(95)<2000'],
    checks: ['rate==1'],
  },
};

const headers = { 'Content-Type': 'application/json' };
const gateway = 'http://gateway-api:10000';

export default function () {
  group('wizard', () => {
    const asked = { wizard_id: `any-wizard-${__VU}-${__ITER}`, user_id: `any-user-${__VU}` };
    const begun = http.post(`${gateway}/wizard/start`, JSON.stringify(asked), { headers });
    check(begun, {
      'it begins': (it) => it.status === 200,
      'it has a session': (it) => typeof it.json('session_id') === 'string',
    });
    const place = `${gateway}/wizard/${begun.json('session_id')}/answer`;
    const answered = http.post(place, JSON.stringify({ value: 'any-answer' }), { headers });
    check(answered, { 'it takes an answer': (it) => it.status === 200 });
  });
  group('metrics', () => {
    const metrics = http.get(`${gateway}/metrics`);
    check(metrics, {
      'metrics are served': (it) => it.status === 200,
      'requests are counted': (it) => it.body.includes('http_requests_total'),
    });
  });
  sleep((__VU % 2) / 4);
}
