// Shows that a certificate nobody vouches for is refused.
// compare: exit console metrics
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answer = http.get(`${__ENV.HTTPS}/get`);
  console.log(answer.status, answer.error_code, answer.body);
}
