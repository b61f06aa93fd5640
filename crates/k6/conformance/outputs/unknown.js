// Shows an output that nobody knows.
// run: --iterations 1 --out carrier-pigeon
// compare: exit counts
// says: carrier-pigeon
import http from 'k6/http';

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
