// Shows that an exception ends its iteration only; the exit code stays 0.
// run: --iterations 4
// compare: usual
// says: third time
// says: iteration_throws.js:13
import http from 'k6/http';
import { check } from 'k6';

export default function () {
  http.get(`${__ENV.HTTP}/get`);
  if (__ITER === 2) {
    // The place of the next line is what both must name.
    throw new Error('third time');
  }
  check(null, { 'got to the end': () => true });
}
