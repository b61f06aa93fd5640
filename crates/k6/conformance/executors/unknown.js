// Shows that an unknown executor is refused.
// compare: exit counts
// says: ever-faster
import http from 'k6/http';

export const options = { scenarios: { odd: { executor: 'ever-faster', vus: 1 } } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
