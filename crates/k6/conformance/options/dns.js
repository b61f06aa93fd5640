// Shows the option `dns`, and a name that the machine knows.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1, dns: { ttl: '1m', select: 'first', policy: 'onlyIPv4' } };

export default function () {
  const answer = http.get(`http://localhost:${__ENV.PORT}/get`);
  console.log(answer.status, answer.remote_ip);
}
