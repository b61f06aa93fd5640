// Shows what a script can know of its user, its scenario and the test.
// compare: exit lines
import exec from 'k6/execution';

export const options = {
  scenarios: {
    one: { executor: 'per-vu-iterations', vus: 2, iterations: 2 },
    two: { executor: 'shared-iterations', vus: 1, iterations: 2, startTime: '500ms' },
  },
};

export default function () {
  const { vu, scenario, instance } = exec;
  console.log([
    scenario.name, scenario.executor, typeof scenario.startTime, scenario.progress >= 0 && scenario.progress <= 1,
    `vu ${vu.idInInstance === vu.idInTest}`,
    `iteration ${vu.iterationInInstance === __ITER} in scenario ${vu.iterationInScenario}`,
    `instance ${instance.vusInitialized} ${typeof instance.currentTestRunDuration} ${instance.iterationsInterrupted}`,
  ].join(' '));
}
