// Shows that a script without any options runs once, with one user.
// compare: usual
import http from 'k6/http';

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
