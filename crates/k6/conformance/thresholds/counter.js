// Shows what can be asked of a Counter: its count, and its rate, which is by the second.
// compare: exit thresholds
import { sleep } from 'k6';
import { Counter } from 'k6/metrics';

const boats = new Counter('boats');

export const options = {
  iterations: 2,
  thresholds: { boats: ['count==20', 'rate>5', 'rate<20'] },
};

export default function () {
  boats.add(10);
  sleep(0.6);
}
