// Shows that with --no-thresholds nobody minds.
// run: --no-thresholds
// compare: exit counts
import http from 'k6/http';

export const options = { iterations: 1, thresholds: { no_such_metric: ['count>1'] } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
