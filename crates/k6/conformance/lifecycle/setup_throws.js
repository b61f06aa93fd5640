// Shows that an exception in setup ends the test before its first iteration, with exit code 107; teardown
// does not run.
// compare: exit counts lines
// says: no pilot
// says: setup_throws.js:11
import http from 'k6/http';

export const options = { iterations: 1 };

export function setup() {
  throw new Error('no pilot');
}

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}

export function teardown() {
  console.log('never');
}
