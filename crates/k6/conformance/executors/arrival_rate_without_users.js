// Shows an arrival rate that forgets its users.
// compare: exit counts
// says: preAllocatedVUs
import http from 'k6/http';

export const options = { scenarios: { none: { executor: 'constant-arrival-rate', rate: 5, duration: '1s' } } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
