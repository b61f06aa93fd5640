// Shows the user's jar: reading, setting with attributes, clearing, deleting.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const jar = http.cookieJar();
  const at = (path) => JSON.stringify(jar.cookiesForURL(`${__ENV.HTTP}${path}`));
  console.log(at('/'));
  jar.set(`${__ENV.HTTP}/`, 'plain', 'one');
  jar.set(`${__ENV.HTTP}/`, 'deep', 'two', { path: '/get' });
  jar.set(`${__ENV.HTTP}/`, 'old', 'three', { expires: new Date(Date.now() - 1000).toUTCString() });
  jar.set(`${__ENV.HTTP}/`, 'young', 'four', { max_age: 600, http_only: true });
  console.log(Object.keys(jar.cookiesForURL(`${__ENV.HTTP}/`)).sort().join(' '));
  console.log(Object.keys(jar.cookiesForURL(`${__ENV.HTTP}/get`)).sort().join(' '));
  console.log(http.get(`${__ENV.HTTP}/cookies`).body);
  jar.delete(`${__ENV.HTTP}/`, 'plain');
  console.log(at('/'));
  jar.clear(`${__ENV.HTTP}/`);
  console.log(at('/'), at('/get'));
}
