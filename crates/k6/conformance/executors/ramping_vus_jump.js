// Shows that a stage without a duration jumps.
// compare: exit
import { sleep } from 'k6';

export const options = {
  scenarios: {
    jump: {
      executor: 'ramping-vus',
      startVUs: 0,
      stages: [
        { duration: '0s', target: 5 },
        { duration: '1s', target: 5 },
      ],
      gracefulStop: '1s',
    },
  },
  thresholds: { iterations: ['count>=20', 'count<=30'] },
};

export default function () {
  sleep(0.2);
}
