// Shows that one name is one metric.
// compare: exit metrics values
import { Counter } from 'k6/metrics';

const one = new Counter('shared_name');
const other = new Counter('shared_name');

export const options = { iterations: 2 };

export default function () {
  one.add(1);
  other.add(2);
}
