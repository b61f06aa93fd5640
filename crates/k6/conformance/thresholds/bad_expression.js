// Shows an expression that is none.
// compare: exit counts
// says: fast enough
import http from 'k6/http';

export const options = { iterations: 1, thresholds: { http_req_duration: ['fast enough'] } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
