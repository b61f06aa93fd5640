// Shows a scenario that names no executor.
// compare: exit counts
// says: executor
import http from 'k6/http';

export const options = { scenarios: { lame: { vus: 1, iterations: 1 } } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
