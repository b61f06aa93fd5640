// Shows --no-setup and --no-teardown.
// run: --no-setup --no-teardown --iterations 1
// compare: exit counts console
import http from 'k6/http';

export function setup() {
  http.get(`${__ENV.HTTP}/get`);
  return 1;
}

export default function (data) {
  console.log(`data ${data}`);
}

export function teardown() {
  http.get(`${__ENV.HTTP}/get`);
}
