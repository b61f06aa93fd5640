// Shows that setResponseCallback(null) takes http_req_failed away.
// compare: usual
import http from 'k6/http';

export const options = { iterations: 2 };

http.setResponseCallback(null);

export default function () {
  http.get(`${__ENV.HTTP}/status/500`);
}
