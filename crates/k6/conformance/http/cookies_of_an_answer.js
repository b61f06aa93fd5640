// Shows the cookies of an answer, with everything the server said of them.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const { cookies } = http.get(`${__ENV.HTTP}/cookies/rich`);
  console.log(Object.keys(cookies).sort().join(' '));
  for (const name of ['everywhere', 'lasting', 'hidden', 'elsewhere', 'foreign', 'secret']) {
    const list = cookies[name] || [];
    for (const cookie of list) {
      console.log(name, cookie.value, cookie.path, cookie.domain, cookie.http_only, cookie.secure, cookie.max_age);
    }
  }
  console.log(cookies.dated[0].expires, cookies.plain[0].expires);
  console.log(http.get(`${__ENV.HTTP}/cookies`).body);
}
