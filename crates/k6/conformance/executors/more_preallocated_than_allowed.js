// Shows more users beforehand than there may be at all.
// compare: exit counts
import http from 'k6/http';

export const options = {
  scenarios: { none: { executor: 'constant-arrival-rate', rate: 5, duration: '1s', preAllocatedVUs: 5, maxVUs: 2 } },
};

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
