// Shows that an expression has one condition only.
// compare: exit counts
import http from 'k6/http';

export const options = { iterations: 1, thresholds: { http_req_duration: ['avg<5 && max<9'] } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
