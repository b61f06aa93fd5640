// Shows that a setup that computes forever is cut at its timeout, with exit code 100.
// compare: exit counts
// says: setup
import http from 'k6/http';

export const options = { iterations: 1, setupTimeout: '400ms' };

export function setup() {
  for (let i = 0; ; i += 1) {
    if (i < 0) return i;
  }
}

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
