// Shows that cookies a server sets come back to it, until the iteration ends.
// compare: exit console counts
import http from 'k6/http';

export const options = { iterations: 2 };

export default function () {
  console.log(http.get(`${__ENV.HTTP}/cookies`).body);
  console.log(http.get(`${__ENV.HTTP}/cookies/set?a=1&b=two%20words`).body);
  console.log(http.get(`${__ENV.HTTP}/cookies/delete?a=`).body);
}
