// Shows that exec.test.fail() lets the test run on and then end with exit code 110.
// run: --iterations 3
// compare: exit counts metrics
import exec from 'k6/execution';
import http from 'k6/http';

export default function () {
  if (__ITER === 0) {
    exec.test.fail('noted');
  }
  http.get(`${__ENV.HTTP}/get`);
}
