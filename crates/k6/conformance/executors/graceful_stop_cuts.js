// Shows that gracefulStop 0 cuts iterations short; they are not counted, but their requests are.
// compare: exit counts metrics
import http from 'k6/http';
import { sleep } from 'k6';

export const options = {
  scenarios: { cut: { executor: 'constant-vus', vus: 2, duration: '1s', gracefulStop: '0s' } },
};

export default function () {
  http.get(`${__ENV.HTTP}/get`);
  sleep(5);
  http.get(`${__ENV.HTTP}/never`);
}
