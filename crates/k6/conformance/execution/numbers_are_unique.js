// Shows that scenario.iterationInTest numbers every iteration once, in order of their beginning.
// run: --vus 4 --iterations 12
// compare: exit lines
import exec from 'k6/execution';

export default function () {
  console.log(`${exec.scenario.iterationInTest} ${exec.scenario.iterationInInstance === exec.scenario.iterationInTest}`);
}
