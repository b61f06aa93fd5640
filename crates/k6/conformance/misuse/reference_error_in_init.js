// Shows an exception outside of functions: its place, exit code 107.
// compare: exit counts
// says: reference_error_in_init.js:6
import http from 'k6/http';

nobody.knows.this();

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
