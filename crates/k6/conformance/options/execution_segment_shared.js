// Shows what part of shared iterations the last third makes.
// run: --execution-segment 2/3:1 --execution-segment-sequence 0,1/3,2/3,1
// compare: exit counts lines
import exec from 'k6/execution';
import http from 'k6/http';

export const options = { scenarios: { part: { executor: 'shared-iterations', vus: 6, iterations: 20 } } };

export default function () {
  console.log(`${exec.scenario.iterationInTest}`);
  http.get(`${__ENV.HTTP}/get`);
}
