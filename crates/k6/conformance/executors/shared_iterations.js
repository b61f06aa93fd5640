// Shows shared-iterations: so many in all, whoever makes them.
// compare: usual
import http from 'k6/http';

export const options = {
  scenarios: { shared: { executor: 'shared-iterations', vus: 3, iterations: 12, maxDuration: '5s' } },
};

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
