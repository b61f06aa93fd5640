// Shows --execution-segment: which arrivals a part makes, and how it numbers them.
// run: --execution-segment 1/3:2/3 --execution-segment-sequence 0,1/3,2/3,1
// compare: exit counts lines
import exec from 'k6/execution';
import http from 'k6/http';

export const options = {
  scenarios: {
    steady: { executor: 'constant-arrival-rate', rate: 10, duration: '2s', preAllocatedVUs: 7, maxVUs: 9 },
    few: { executor: 'constant-arrival-rate', rate: 10, duration: '1s', preAllocatedVUs: 2 },
    ramp: {
      executor: 'ramping-arrival-rate', startRate: 2, preAllocatedVUs: 6,
      stages: [{ duration: '1s', target: 20 }, { duration: '1s', target: 0 }],
    },
    none: { executor: 'constant-arrival-rate', rate: 10, duration: '1s', preAllocatedVUs: 1 },
    shared: { executor: 'shared-iterations', vus: 2, iterations: 10 },
  },
};

export default function () {
  const { name, iterationInTest, iterationInInstance } = exec.scenario;
  console.log(`${name} ${iterationInTest} ${iterationInInstance}`);
  http.get(`${__ENV.HTTP}/get?${name}`);
}
