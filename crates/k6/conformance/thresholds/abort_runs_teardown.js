// Shows that teardown runs after an abort by a threshold.
// compare: exit lines
import { sleep } from 'k6';
import { Counter } from 'k6/metrics';

const wrecks = new Counter('wrecks');

export const options = {
  vus: 1,
  duration: '30s',
  thresholds: { wrecks: [{ threshold: 'count<2', abortOnFail: true }] },
};

export default function () {
  wrecks.add(1);
  sleep(0.5);
}

export function teardown() {
  console.log('teardown ran');
}
