// Shows --stage, several times.
// run: --vus 0 --stage 300ms:3 --stage 300ms:3 --stage 300ms:0
// compare: exit
import { sleep } from 'k6';

export const options = { thresholds: { iterations: ['count>=6', 'count<=25'] } };

export default function () {
  sleep(0.1);
}
