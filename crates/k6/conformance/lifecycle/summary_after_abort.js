// Shows that handleSummary runs after an abort.
// compare: exit stdout
import exec from 'k6/execution';

export const options = { iterations: 5 };

export default function () {
  if (__ITER === 2) exec.test.abort();
}

export function handleSummary(data) {
  return { stdout: `after ${data.metrics.iterations ? data.metrics.iterations.values.count : 'no'} iterations` };
}
