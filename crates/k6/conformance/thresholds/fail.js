// Shows thresholds that are crossed: exit code 99, and which of them.
// compare: usual
// says: http_req_failed
import http from 'k6/http';

export const options = {
  iterations: 4,
  thresholds: {
    http_reqs: ['count>=4', 'count>4'],
    http_req_failed: ['rate<0.5'],
  },
};

export default function () {
  http.get(`${__ENV.HTTP}/status/500`);
}
