// Shows an interrupt (Ctrl-C): teardown runs, the exit code is 105.
// compare: exit lines
// interrupt: after 4 requests
import http from 'k6/http';
import { sleep } from 'k6';

export const options = { duration: '30s', vus: 2, gracefulStop: '1s' };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
  sleep(0.1);
}

export function teardown() {
  console.log('teardown ran');
}
