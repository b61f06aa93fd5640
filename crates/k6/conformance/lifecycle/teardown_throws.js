// Shows what an exception in teardown does to the exit code; the iterations have been run.
// compare: exit counts
// says: gone aground
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}

export function teardown() {
  throw new Error('gone aground');
}
