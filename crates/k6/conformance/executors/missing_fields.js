// Shows an executor without what it needs.
// compare: exit counts
// says: duration
import http from 'k6/http';

export const options = { scenarios: { lame: { executor: 'constant-arrival-rate', rate: 5, preAllocatedVUs: 1 } } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
