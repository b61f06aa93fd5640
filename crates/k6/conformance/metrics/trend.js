// Shows a Trend's figures, exactly.
// run: --summary-trend-stats avg,min,med,max,p(25),p(75),p(90),p(95),count
// compare: usual values
import { Trend } from 'k6/metrics';

const size = new Trend('size');
const time = new Trend('time', true);

export const options = { iterations: 20 };

export default function () {
  size.add((__ITER + 1) * (__ITER + 1));
  time.add(__ITER * 100 + 0.5, { part: __ITER % 2 ? 'odd' : 'even' });
}
