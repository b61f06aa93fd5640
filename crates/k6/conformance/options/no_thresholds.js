// Shows --no-thresholds: they are neither judged nor shown.
// run: --iterations 1 --no-thresholds
// compare: exit thresholds
export const options = { thresholds: { iterations: ['count>100'] } };

export default function () {}
