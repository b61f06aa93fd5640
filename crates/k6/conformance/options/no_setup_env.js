// Shows K6_NO_SETUP and K6_NO_TEARDOWN.
// run: --iterations 1
// env: K6_NO_SETUP=true
// env: K6_NO_TEARDOWN=true
// compare: exit counts
import http from 'k6/http';

export function setup() {
  http.get(`${__ENV.HTTP}/get`);
}

export default function () {}

export function teardown() {
  http.get(`${__ENV.HTTP}/get`);
}
