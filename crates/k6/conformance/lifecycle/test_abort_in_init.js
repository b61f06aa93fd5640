// Shows an abort outside of functions.
// compare: exit counts
import exec from 'k6/execution';
import http from 'k6/http';

exec.test.abort('before it began');

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
