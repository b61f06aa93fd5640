// Shows that handleSummary is given the figures that summaryTrendStats asks for, and no others.
// compare: exit stdout
import { Trend } from 'k6/metrics';

const steps = new Trend('steps');

export const options = { iterations: 10, summaryTrendStats: ['min', 'p(75)', 'count'] };

export default function () {
  steps.add(__ITER + 1);
}

export function handleSummary(data) {
  return { stdout: JSON.stringify(Object.entries(data.metrics.steps.values).sort()) };
}
