// Shows delayAbortEval: nothing is aborted before so long.
// compare: exit thresholds stdout
import { sleep } from 'k6';
import { Rate } from 'k6/metrics';

const bad = new Rate('bad');

export const options = {
  vus: 1,
  duration: '20s',
  thresholds: { bad: [{ threshold: 'rate<0.5', abortOnFail: true, delayAbortEval: '4s' }] },
};

export default function () {
  bad.add(1);
  sleep(0.2);
}

export function handleSummary(data) {
  const time = data.state.testRunDurationMs;
  return { stdout: time > 3500 && time < 9000 ? 'after the delay' : `after ${time} ms` };
}
