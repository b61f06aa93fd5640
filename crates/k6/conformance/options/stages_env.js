// Shows K6_STAGES.
// env: K6_STAGES=300ms:2,400ms:2
// compare: exit
import { sleep } from 'k6';

export const options = { thresholds: { iterations: ['count>=5', 'count<=20'] } };

export default function () {
  sleep(0.1);
}
