// Shows K6_SUMMARY_TREND_STATS.
// run: --iterations 2
// env: K6_SUMMARY_TREND_STATS=min,max
// compare: exit summary values
import { Trend } from 'k6/metrics';

const trend = new Trend('steps');

export default function () {
  trend.add(__ITER);
}
