// Shows durations that are numbers: milliseconds.
// compare: exit
import { sleep } from 'k6';

export const options = { vus: 1, duration: 1100, thresholds: { iterations: ['count>=4', 'count<=7'] } };

export default function () {
  sleep(0.2);
}
