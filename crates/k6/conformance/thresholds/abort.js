// Shows abortOnFail: the test ends early, with exit code 99.
// compare: exit thresholds
import http from 'k6/http';
import { sleep } from 'k6';

export const options = {
  vus: 1,
  duration: '30s',
  thresholds: { http_req_failed: [{ threshold: 'rate<0.5', abortOnFail: true }] },
};

export default function () {
  http.get(`${__ENV.HTTP}/status/503`);
  sleep(0.2);
}

export function handleSummary(data) {
  return { stdout: data.state.testRunDurationMs < 10000 ? 'early' : 'too late' };
}
