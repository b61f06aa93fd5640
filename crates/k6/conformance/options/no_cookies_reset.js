// Shows noCookiesReset: cookies outlive their iteration.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 2, noCookiesReset: true };

export default function () {
  console.log(http.get(`${__ENV.HTTP}/cookies`).body);
  http.get(`${__ENV.HTTP}/cookies/set?flag=up`);
}
