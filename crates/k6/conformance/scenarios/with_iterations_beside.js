// Shows options that say twice how the test is run.
// compare: exit counts
import http from 'k6/http';

export const options = {
  iterations: 3,
  scenarios: { own: { executor: 'shared-iterations', vus: 1, iterations: 2 } },
};

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
