// Shows cookies given to a request, and that they are not kept.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const seen = (params) => http.get(`${__ENV.HTTP}/cookies`, params).body;
  console.log(seen({ cookies: { flag: 'up', number: 5 } }));
  console.log(seen());
  http.cookieJar().set(`${__ENV.HTTP}/`, 'flag', 'jar');
  console.log(seen());
  console.log(seen({ cookies: { flag: 'mine' } }));
  console.log(seen({ cookies: { flag: { value: 'replaced', replace: true } } }));
  console.log(seen({ cookies: { flag: { value: 'beside', replace: false }, other: { value: 'x' } } }));
  console.log(seen());
  console.log(seen({ headers: { Cookie: 'raw=1' } }));
}
