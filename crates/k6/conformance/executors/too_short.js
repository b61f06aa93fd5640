// Shows that a duration below a second is refused.
// run: --duration 500ms
// compare: exit counts
// says: 1s
import http from 'k6/http';

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
