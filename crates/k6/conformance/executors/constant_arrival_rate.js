// Shows constant-arrival-rate: iterations begin on time, whatever they last.
// compare: exit tags
import http from 'k6/http';

export const options = {
  scenarios: {
    arrivals: { executor: 'constant-arrival-rate', rate: 20, duration: '1500ms', preAllocatedVUs: 8 },
  },
  thresholds: { iterations: ['count>=29', 'count<=31'], dropped_iterations: ['count<3'] },
};

export default function () {
  http.get(`${__ENV.HTTP}/delay/60`);
}
