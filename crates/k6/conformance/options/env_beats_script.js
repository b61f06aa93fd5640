// Shows that K6_ITERATIONS and K6_VUS stand above the script's options.
// env: K6_ITERATIONS=4
// env: K6_VUS=2
// compare: usual
import http from 'k6/http';

export const options = { iterations: 9, vus: 1 };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
