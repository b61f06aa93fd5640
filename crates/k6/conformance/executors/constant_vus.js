// Shows constant-vus: so many users for so long.
// compare: usual
// near: 35% counts metrics
import http from 'k6/http';
import { sleep } from 'k6';

export const options = {
  scenarios: { steady: { executor: 'constant-vus', vus: 3, duration: '1500ms' } },
};

export default function () {
  http.get(`${__ENV.HTTP}/get`);
  sleep(0.25);
}
