// Shows a scenario without users.
// compare: exit counts
import http from 'k6/http';

export const options = { scenarios: { none: { executor: 'constant-vus', vus: 0, duration: '1s' } } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
