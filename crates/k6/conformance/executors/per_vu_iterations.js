// Shows per-vu-iterations: so many for each.
// compare: usual lines
import http from 'k6/http';

export const options = {
  scenarios: { own: { executor: 'per-vu-iterations', vus: 3, iterations: 2 } },
};

export default function () {
  console.log(`${__VU}/${__ITER}`);
  http.get(`${__ENV.HTTP}/get`);
}
