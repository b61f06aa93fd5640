// Shows an environment variable that is no number.
// env: K6_VUS=several
// compare: exit counts
import http from 'k6/http';

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
