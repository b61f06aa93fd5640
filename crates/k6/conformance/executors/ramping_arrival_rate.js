// Shows ramping-arrival-rate: the area below the ramp is how many begin.
// compare: exit
export const options = {
  scenarios: {
    ramp: {
      executor: 'ramping-arrival-rate',
      startRate: 0,
      timeUnit: '1s',
      preAllocatedVUs: 10,
      stages: [
        { target: 40, duration: '1s' },
        { target: 40, duration: '500ms' },
        { target: 0, duration: '500ms' },
      ],
    },
  },
  thresholds: { iterations: ['count>=46', 'count<=54'], dropped_iterations: ['count<4'] },
};

export default function () {}
