// Shows `redirects` of a request: none, some, too many.
// compare: exit console counts
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const none = http.get(`${__ENV.HTTP}/redirect/3`, { redirects: 0 });
  console.log(none.status, none.headers.Location, none.url === `${__ENV.HTTP}/redirect/3`);
  const some = http.get(`${__ENV.HTTP}/redirect/3`, { redirects: 1 });
  console.log(some.status, some.headers.Location, some.error_code);
  const loop = http.get(`${__ENV.HTTP}/redirect-loop`, { redirects: 4 });
  console.log(loop.status, loop.error_code);
}
