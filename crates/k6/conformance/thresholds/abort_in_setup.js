// Shows abortOnFail while setup() goes on: neither load nor teardown() follows.
// compare: exit counts thresholds console
import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
import http from 'k6/http';

const mine = new Counter('mine');
export const options = { thresholds: { mine: [{ threshold: 'count<8', abortOnFail: true }] } };

export function setup() {
  http.get(`${__ENV.HTTP}/get`);
  mine.add(20);
  sleep(20);
}

export default function () {
  http.get(`${__ENV.HTTP}/never`);
}

export function teardown() {
  http.get(`${__ENV.HTTP}/never`);
}
