// Shows which exit code wins when teardown throws and a threshold is crossed.
// compare: exit thresholds
export const options = { iterations: 1, thresholds: { iterations: ['count>100'] } };

export default function () {}

export function teardown() {
  throw new Error('gone aground');
}
