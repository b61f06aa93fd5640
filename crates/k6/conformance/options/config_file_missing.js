// Shows a configuration file that is not there.
// run: --config {HERE}/with/none.json
// compare: exit counts
// says: none.json
import http from 'k6/http';

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
