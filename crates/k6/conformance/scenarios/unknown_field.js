// Shows a field that a scenario's executor does not have.
// compare: exit counts
// says: speed
import http from 'k6/http';

export const options = { scenarios: { odd: { executor: 'shared-iterations', vus: 1, iterations: 1, speed: 9 } } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
