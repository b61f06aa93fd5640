// Shows that a setup that takes too long ends the test with exit code 100.
// compare: exit counts
// says: setup
import http from 'k6/http';
import { sleep } from 'k6';

export const options = { iterations: 1, setupTimeout: '300ms' };

export function setup() {
  sleep(5);
}

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
