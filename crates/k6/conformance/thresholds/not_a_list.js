// Shows a single expression where a list is usual.
// compare: exit counts thresholds
import http from 'k6/http';

export const options = { iterations: 1, thresholds: { http_reqs: 'count==1' } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
