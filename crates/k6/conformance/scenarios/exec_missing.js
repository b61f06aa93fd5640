// Shows an `exec` that names nothing exported.
// compare: exit counts
// says: nowhere
import http from 'k6/http';

export const options = { scenarios: { lost: { executor: 'shared-iterations', vus: 1, iterations: 2, exec: 'nowhere' } } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
