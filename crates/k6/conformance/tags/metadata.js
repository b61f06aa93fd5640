// Shows exec.vu.metrics.metadata: beside the tags, not among them.
// compare: exit tags console
import exec from 'k6/execution';
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  exec.vu.metrics.metadata.trace = 'abc';
  http.get(`${__ENV.HTTP}/get`);
  console.log(exec.vu.metrics.metadata.trace);
  delete exec.vu.metrics.metadata.trace;
  http.get(`${__ENV.HTTP}/json`);
}
