// Shows that scenarios one after the other share the same users, each with its own count of iterations.
// compare: exit console
import exec from 'k6/execution';

export const options = {
  scenarios: {
    one: { executor: 'per-vu-iterations', vus: 1, iterations: 2, maxDuration: '1s', gracefulStop: '0s' },
    two: { executor: 'per-vu-iterations', vus: 1, iterations: 2, startTime: '1200ms' },
  },
};

export default function () {
  const { vu, scenario } = exec;
  console.log(`${scenario.name} vu ${__VU}=${vu.idInTest} iter ${__ITER}=${vu.iterationInInstance} scenario ${vu.iterationInScenario}`);
}
