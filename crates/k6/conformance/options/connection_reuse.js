// Shows that a user keeps its connection from one iteration to the next.
// compare: exit counts connections
import http from 'k6/http';

export const options = { scenarios: { each: { executor: 'per-vu-iterations', vus: 2, iterations: 3 } } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
  http.get(`${__ENV.HTTP}/get`);
}
