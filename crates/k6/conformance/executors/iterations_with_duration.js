// Shows that iterations end a test before its duration does.
// run: --vus 2 --iterations 4 --duration 20s
// compare: usual
import http from 'k6/http';

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
