// Shows what a metric does with what is no number.
// compare: exit console metrics values
import { Counter, Trend } from 'k6/metrics';

const count = new Counter('count_them');
const trend = new Trend('trend_them');

export const options = { iterations: 1 };

export default function () {
  for (const value of [NaN, 'seven', null, undefined, {}, [], -1]) {
    let outcome;
    try {
      outcome = `${count.add(value)} ${trend.add(value)}`;
    } catch (error) {
      outcome = 'an exception';
    }
    console.log(`${String(value)}: ${outcome}`);
  }
}
