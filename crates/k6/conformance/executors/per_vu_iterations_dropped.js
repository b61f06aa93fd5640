// Shows that maxDuration drops what each user has left.
// compare: exit
import { sleep } from 'k6';

export const options = {
  scenarios: {
    own: { executor: 'per-vu-iterations', vus: 2, iterations: 50, maxDuration: '1s', gracefulStop: '0s' },
  },
  thresholds: { iterations: ['count<10'], dropped_iterations: ['count>80'] },
};

export default function () {
  sleep(0.4);
}
