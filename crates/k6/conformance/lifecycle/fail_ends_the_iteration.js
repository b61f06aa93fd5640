// Shows that fail() ends an iteration with a message, and a test's exit code stays 0.
// run: --iterations 3
// compare: usual
// says: not seaworthy
import http from 'k6/http';
import { check, fail } from 'k6';

export default function () {
  const answer = http.get(`${__ENV.HTTP}/get`);
  if (!check(answer, { 'is a teapot': (r) => r.status === 418 })) {
    fail('not seaworthy');
  }
  http.get(`${__ENV.HTTP}/never`);
}
