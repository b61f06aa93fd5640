// Shows `inspect --execution-requirements`: what the test will need.
// command: inspect
// run: --execution-requirements
// compare: exit json
export const options = {
  scenarios: {
    one: { executor: 'constant-vus', vus: 3, duration: '10s', gracefulStop: '5s' },
    two: { executor: 'constant-arrival-rate', rate: 5, duration: '20s', preAllocatedVUs: 4, maxVUs: 9, startTime: '4s' },
  },
};

export default function () {}
