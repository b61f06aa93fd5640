// Shows that an interrupted test still has its summary and its thresholds judged.
// compare: exit thresholds stdout
// interrupt: after 4 requests
import http from 'k6/http';
import { sleep } from 'k6';

export const options = { duration: '30s', gracefulStop: '1s', thresholds: { http_reqs: ['count>0'], iterations: ['count<1000'] } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
  sleep(0.1);
}

export function handleSummary(data) {
  return { stdout: `requests were made: ${data.metrics.http_reqs.values.count > 0}` };
}
