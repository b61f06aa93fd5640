// Shows that a flag stands above the environment.
// run: --iterations 2
// env: K6_ITERATIONS=4
// compare: usual
import http from 'k6/http';

export const options = { iterations: 9 };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
