// Shows an abort in setup: no iteration, exit code 108.
// compare: exit counts console
import exec from 'k6/execution';
import http from 'k6/http';

export const options = { iterations: 5 };

export function setup() {
  exec.test.abort('not today');
}

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}

export function teardown() {
  console.log('teardown ran');
}
