// Shows that fewer iterations than users are refused or adjusted.
// run: --vus 5 --iterations 2
// compare: exit counts
import http from 'k6/http';

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
