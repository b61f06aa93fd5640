// Shows ramping-vus: up and down again; never more at once than the stages say.
// compare: exit checks groups tags
// near: 30% checks
import exec from 'k6/execution';
import { check, sleep } from 'k6';

export const options = {
  scenarios: {
    ramp: {
      executor: 'ramping-vus',
      startVUs: 1,
      stages: [
        { duration: '600ms', target: 4 },
        { duration: '300ms', target: 4 },
        { duration: '600ms', target: 0 },
      ],
      gracefulRampDown: '1s',
    },
  },
  thresholds: { vus_max: ['value==4'], iterations: ['count>10', 'count<50'] },
};

export default function () {
  check(exec.instance.vusActive, { 'at most four': (vus) => vus >= 1 && vus <= 4 });
  sleep(0.1);
}
