// Shows a jar for some requests only.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const jar = new http.CookieJar();
  jar.set(`${__ENV.HTTP}/`, 'own', 'jar');
  http.cookieJar().set(`${__ENV.HTTP}/`, 'usual', 'jar');
  console.log(http.get(`${__ENV.HTTP}/cookies`, { jar }).body);
  console.log(http.get(`${__ENV.HTTP}/cookies`).body);
  http.get(`${__ENV.HTTP}/cookies/set?more=1`, { jar });
  console.log(Object.keys(jar.cookiesForURL(`${__ENV.HTTP}/`)).sort().join(' '));
  console.log(Object.keys(http.cookieJar().cookiesForURL(`${__ENV.HTTP}/`)).sort().join(' '));
}
