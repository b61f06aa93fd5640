// Shows that an arrival that finds no free user is dropped and counted.
// compare: exit
import { sleep } from 'k6';

export const options = {
  scenarios: {
    full: {
      executor: 'constant-arrival-rate', rate: 20, duration: '1s', preAllocatedVUs: 2, maxVUs: 2, gracefulStop: '2s',
    },
  },
  thresholds: {
    iterations: ['count>=2', 'count<=8'],
    dropped_iterations: ['count>=12', 'count<=19'],
    vus_max: ['value==2'],
  },
};

export default function () {
  sleep(0.5);
}
