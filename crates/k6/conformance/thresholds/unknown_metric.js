// Shows a threshold on a metric that does not exist: refused before anything is run, exit code 104.
// compare: exit counts
// says: no_such_metric
import http from 'k6/http';

export const options = { iterations: 1, thresholds: { no_such_metric: ['count>1'] } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
