// Shows timeUnit: 90 a minute are one and a half a second.
// compare: exit
export const options = {
  scenarios: {
    slow: { executor: 'constant-arrival-rate', rate: 90, timeUnit: '1m', duration: '2s', preAllocatedVUs: 2 },
  },
  thresholds: { iterations: ['count>=3', 'count<=4'] },
};

export default function () {}
