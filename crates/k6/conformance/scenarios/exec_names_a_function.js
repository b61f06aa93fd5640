// Shows `exec`, which names the function of a scenario.
// compare: usual lines
import http from 'k6/http';

export const options = {
  scenarios: {
    read: { executor: 'per-vu-iterations', vus: 1, iterations: 2, exec: 'read' },
    write: { executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'write' },
    usual: { executor: 'per-vu-iterations', vus: 1, iterations: 1 },
  },
};

export default function () {
  console.log('usual');
  http.get(`${__ENV.HTTP}/get`);
}
export function read() {
  console.log('read');
  http.get(`${__ENV.HTTP}/json`);
}
export function write() {
  console.log('write');
  http.post(`${__ENV.HTTP}/post`);
}
