// Shows a number of users below nothing.
// run: --vus -3 --duration 1s
// compare: exit counts
import http from 'k6/http';

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
