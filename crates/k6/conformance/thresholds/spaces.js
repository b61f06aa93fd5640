// Shows how freely an expression may be written.
// compare: exit thresholds
import { Trend } from 'k6/metrics';

const trend = new Trend('steps');

export const options = {
  iterations: 1,
  thresholds: { steps: ['avg < 11', '  avg>=10  ', 'p(95)  <= 10.0', 'max<1e2', 'min > -5'] },
};

export default function () {
  steps();
}

function steps() {
  trend.add(10);
}
