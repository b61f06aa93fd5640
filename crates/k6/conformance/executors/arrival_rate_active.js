// Shows which virtual users are active where arrivals come at a rate: those in an iteration.
// compare: exit console
import exec from 'k6/execution';
import { sleep } from 'k6';

export const options = {
  scenarios: {
    rate: { executor: 'constant-arrival-rate', rate: 1, timeUnit: '1s', duration: '1s', preAllocatedVUs: 5 },
  },
};

export default function () {
  sleep(0.01);
  if (exec.scenario.iterationInTest === 0) console.log(exec.instance.vusActive, exec.instance.vusInitialized);
}
