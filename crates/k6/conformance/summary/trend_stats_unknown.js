// Shows that an unknown figure is refused before anything is run.
// run: --iterations 1 --summary-trend-stats min,p(101),middle
// compare: exit counts
import http from 'k6/http';

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
