// Shows that the script stands above a configuration file, which stands above nothing at all.
// run: --config {HERE}/with/config.json
// compare: usual
import http from 'k6/http';

export const options = { iterations: 3 };

export default function () {
  http.get(`${__ENV.HTTP}/user-agent`);
}
