// Shows that a virtual user whose iteration was cut off keeps what its modules hold, and its count.
// compare: exit console
import exec from 'k6/execution';

let calls = 0;
const one = (exec, startTime) => (
  { executor: 'constant-vus', vus: 1, duration: '1s', gracefulStop: '0s', exec, startTime });
export const options = {
  scenarios: {
    first: one('computes', '0s'),
    second: one('computes', '2s'),
    third: {
      executor: 'per-vu-iterations', vus: 1, iterations: 2, maxDuration: '1s', gracefulStop: '0s',
      exec: 'ends', startTime: '4s',
    },
  },
};

function tell() {
  calls += 1;
  console.log(exec.scenario.name, __VU, __ITER, exec.vu.iterationInScenario, calls);
}

export function computes() {
  tell();
  for (;;) { /* until it is cut off */ }
}

export function ends() {
  tell();
}
