// Shows which exit code wins when a test is marked as failed and a threshold is crossed.
// compare: exit thresholds
import exec from 'k6/execution';

export const options = { iterations: 3, thresholds: { iterations: ['count>100'] } };

export default function () {
  exec.test.fail('noted');
}
