// Shows an interrupt while setup is at work.
// compare: exit counts
// interrupt: after 1 request
import http from 'k6/http';
import { sleep } from 'k6';

export const options = { iterations: 1 };

export function setup() {
  http.get(`${__ENV.HTTP}/get`);
  sleep(20);
}

export default function () {
  http.get(`${__ENV.HTTP}/json`);
}

export function teardown() {
  console.log('teardown ran');
}
