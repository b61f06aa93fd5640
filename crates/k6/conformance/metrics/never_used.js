// Shows that a metric without samples is in no summary.
// compare: exit metrics values
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';

new Counter('no_count');
new Gauge('no_gauge');
new Rate('no_rate');
new Trend('no_trend');

export const options = { iterations: 1 };

export default function () {}
