// Shows that --iterations replaces a script's scenarios.
// run: --vus 2 --iterations 3
// compare: usual
import http from 'k6/http';

export const options = {
  scenarios: { long: { executor: 'constant-vus', vus: 5, duration: '1h' } },
};

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
