// Shows K6_DURATION in several units.
// env: K6_DURATION=0m1.2s
// compare: exit
import { sleep } from 'k6';

export const options = { thresholds: { iterations: ['count>=9', 'count<=13'] } };

export default function () {
  sleep(0.1);
}
