// Shows the code of an answer's status as a tag, and that `error` stays empty.
// compare: usual
import http from 'k6/http';

export const options = { iterations: 1, thresholds: { 'http_reqs{error_code:1404}': ['count==1'] } };

export default function () {
  http.get(`${__ENV.HTTP}/status/404`);
  http.get(`${__ENV.HTTP}/status/500`);
  http.get(`${__ENV.HTTP}/status/200`);
}
