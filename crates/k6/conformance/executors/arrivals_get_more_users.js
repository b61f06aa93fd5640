// Shows that an arrival rate grows its users up to maxVUs.
// compare: exit
import { sleep } from 'k6';

export const options = {
  scenarios: {
    grows: {
      executor: 'constant-arrival-rate', rate: 20, duration: '1200ms', preAllocatedVUs: 1, maxVUs: 12, gracefulStop: '2s',
    },
  },
  thresholds: { vus_max: ['value>2', 'value<=12'], iterations: ['count>8'] },
};

export default function () {
  sleep(0.3);
}
