// Shows --execution-segment: a part of the users and iterations.
// run: --execution-segment 0:1/2 --execution-segment-sequence 0,1/2,1
// compare: usual lines
import exec from 'k6/execution';
import http from 'k6/http';

export const options = { scenarios: { part: { executor: 'per-vu-iterations', vus: 5, iterations: 2 } } };

export default function () {
  console.log(`${exec.vu.idInInstance} ${exec.vu.idInTest}`);
  http.get(`${__ENV.HTTP}/get`);
}
