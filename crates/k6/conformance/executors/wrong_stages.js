// Shows stages that make no sense.
// compare: exit counts
import http from 'k6/http';

export const options = { scenarios: { odd: { executor: 'ramping-vus', stages: [{ duration: '1s', target: -2 }] } } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
