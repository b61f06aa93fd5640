// A marketing workflow with the least it can be given, followed to its end.
import http from 'k6/http';
import { check, sleep } from 'k6';
import { Counter } from 'k6/metrics';

const started = new Counter('workflows_started');
const completed = new Counter('workflows_completed');

export const options = {
  stages: [
    { duration: '1s', target: 20 },
    { duration: '4s', target: 20 },
    { duration: '1s', target: 0 },
  ],
  thresholds: {
    http_req_duration: ['p(95)<3000', 'p(99)<5000'],
    http_req_failed: ['rate<0.1'],
    checks: ['rate==1'],
  },
};

const orchestrator = 'http://orchestrator:10001';

export default function () {
  const campaign = {
    campaign_name: `campaign-${__VU}-${__ITER}`,
    target_audience: 'e-commerce',
    budget: 5000,
  };
  const headers = { 'Content-Type': 'application/json' };
  const begun = http.post(`${orchestrator}/workflows/marketing`, JSON.stringify(campaign), { headers });
  check(begun, {
    'it is taken': (it) => it.status === 202,
    'it has an id': (it) => typeof it.json('workflow_id') === 'string',
  });
  started.add(1);
  const id = begun.json('workflow_id');
  for (let look = 0; look < 60; look++) {
    const seen = http.get(`${orchestrator}/workflows/${id}`);
    check(seen, { 'it can be looked at': (it) => it.status === 200 });
    const status = seen.json('status');
    if (status !== 'running') {
      if (status === 'completed') completed.add(1);
      return;
    }
    sleep(0.5);
  }
}
