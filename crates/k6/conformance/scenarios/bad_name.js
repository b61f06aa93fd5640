// Shows a scenario's name with letters that are not allowed.
// compare: exit counts
import http from 'k6/http';

export const options = { scenarios: { 'no spaces!': { executor: 'shared-iterations', vus: 1, iterations: 1 } } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
