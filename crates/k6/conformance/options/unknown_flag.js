// Shows a flag that nobody knows.
// run: --full-speed-ahead
// compare: exit counts
// says: full-speed-ahead
import http from 'k6/http';

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
