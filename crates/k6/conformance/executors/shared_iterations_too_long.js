// Shows that maxDuration ends shared-iterations, and what is left is dropped.
// compare: exit
import { sleep } from 'k6';

export const options = {
  scenarios: {
    shared: { executor: 'shared-iterations', vus: 1, iterations: 100, maxDuration: '1s', gracefulStop: '0s' },
  },
  thresholds: { iterations: ['count<10'], dropped_iterations: ['count>85'] },
};

export default function () {
  sleep(0.3);
}
