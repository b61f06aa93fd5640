// Shows that a teardown that takes too long ends the test with exit code 101.
// compare: exit counts
// says: teardown
import http from 'k6/http';
import { sleep } from 'k6';

export const options = { iterations: 1, teardownTimeout: '300ms' };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}

export function teardown() {
  sleep(5);
}
