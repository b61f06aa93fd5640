// Shows requests that take too long.
// compare: usual console
// varies: tag:error
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answer = http.get(`${__ENV.HTTP}/delay/3000`, { timeout: '150ms' });
  console.log(answer.status, answer.error_code, answer.body, answer.timings.duration >= 100);
  console.log(http.get(`${__ENV.HTTP}/delay/3000`, { timeout: 150 }).error_code);
  console.log(http.get(`${__ENV.HTTP}/drip/20/200`, { timeout: '300ms' }).error_code);
  console.log(http.get(`${__ENV.HTTP}/delay/10`, { timeout: '5s' }).status);
}
