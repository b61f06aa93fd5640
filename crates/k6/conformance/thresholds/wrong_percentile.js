// Shows a percentile beyond a hundred.
// compare: exit counts thresholds
import http from 'k6/http';

export const options = { iterations: 1, thresholds: { http_req_duration: ['p(150)<1'] } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
