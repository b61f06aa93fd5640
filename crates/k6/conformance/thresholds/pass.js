// Shows thresholds that hold: exit code 0.
// compare: usual
import http from 'k6/http';
import { check } from 'k6';

export const options = {
  iterations: 4,
  thresholds: {
    http_reqs: ['count==4', 'rate>0'],
    http_req_failed: ['rate<0.01'],
    http_req_duration: ['p(95)<5000', 'avg<5000', 'max<9000'],
    checks: ['rate==1'],
  },
};

export default function () {
  check(http.get(`${__ENV.HTTP}/get`), { ok: (r) => r.status === 200 });
}
