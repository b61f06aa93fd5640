// Shows that gracefulRampDown bounds how long an iteration may go on when its user is no longer wanted.
// compare: exit
import { sleep } from 'k6';
import { Counter } from 'k6/metrics';

const finished = new Counter('finished');

export const options = {
  scenarios: {
    down: {
      executor: 'ramping-vus',
      startVUs: 4,
      stages: [
        { duration: '200ms', target: 4 },
        { duration: '0s', target: 0 },
      ],
      gracefulRampDown: '0s',
      gracefulStop: '0s',
    },
  },
  thresholds: { finished: ['count==0'] },
};

export default function () {
  sleep(3);
  finished.add(1);
}
