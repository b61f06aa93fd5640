// Shows --summary-time-unit: times are still milliseconds in the exported file.
// run: --iterations 2 --summary-time-unit s
// compare: exit values
import { Trend } from 'k6/metrics';

const time = new Trend('a_time', true);
const number = new Trend('a_number');

export default function () {
  time.add(1500);
  number.add(1500);
}
