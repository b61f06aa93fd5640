// Shows an aggregation that a metric of that type does not have.
// compare: exit counts
// says: checks
import http from 'k6/http';

export const options = { iterations: 1, thresholds: { checks: ['p(95)<1'] } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
