// Shows a name that nobody knows.
// compare: exit console metrics
import http from 'k6/http';

export const options = { iterations: 1, dns: { ttl: '0' } };

export default function () {
  const answer = http.get('http://no-such-host.invalid/');
  console.log(answer.status, answer.error_code);
}
