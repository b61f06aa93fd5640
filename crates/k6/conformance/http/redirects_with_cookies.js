// Shows that a cookie set on the way is sent at the next hop.
// compare: exit console counts
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answer = http.get(`${__ENV.HTTP}/cookies/set?hop=1`);
  console.log(answer.body, answer.url === `${__ENV.HTTP}/cookies`);
}
