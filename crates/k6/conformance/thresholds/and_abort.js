// Shows which exit code wins when a test is aborted and a threshold is crossed.
// compare: exit thresholds
import exec from 'k6/execution';

export const options = { iterations: 3, thresholds: { iterations: ['count>100'] } };

export default function () {
  if (__ITER === 1) exec.test.abort('enough');
}
