// Shows that a counter's rate is of the whole run, setup() and teardown() included.
// compare: exit counts thresholds console
import { sleep } from 'k6';
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';

const mine = new Counter('mine');
export const options = { vus: 1, iterations: 10, thresholds: { mine: ['rate<6', 'rate<4', 'rate<2'] } };

export function setup() {
  sleep(1);
}

export default function () {
  mine.add(1);
  if (__ITER === 0) {
    console.log(exec.instance.currentTestRunDuration >= 1000);
  }
}

export function teardown() {
  sleep(1);
}
