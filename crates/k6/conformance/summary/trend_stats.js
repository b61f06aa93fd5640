// Shows --summary-trend-stats, on the command line and in the script's own metrics.
// run: --iterations 5 --summary-trend-stats min,p(50),p(99.99),count,max,avg,med
// compare: exit summary values
import { Trend } from 'k6/metrics';

const trend = new Trend('steps');

export default function () {
  trend.add((__ITER + 1) * 10);
}
