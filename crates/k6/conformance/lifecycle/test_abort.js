// Shows that exec.test.abort() ends the whole test with exit code 108, and teardown still runs.
// compare: exit counts console
// says: enough is enough
import exec from 'k6/execution';
import http from 'k6/http';

export const options = { iterations: 50 };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
  if (__ITER === 2) {
    exec.test.abort('enough is enough');
  }
}

export function teardown() {
  console.log('teardown ran');
}
