// Shows --no-connection-reuse.
// run: --iterations 3 --no-connection-reuse
// compare: exit counts connections
import http from 'k6/http';

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
