// Shows what headers a redirect to another host takes along.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1, hosts: { 'other.test': '127.0.0.1' } };

export default function () {
  const headers = { Authorization: 'Bearer secret', Cookie: 'a=1', 'X-Own': 'kept' };
  const told = (answer) => {
    const seen = answer.json('headers');
    console.log(seen.authorization, seen.cookie, seen['x-own'], seen.referer);
  };
  told(http.get(`${__ENV.HTTP}/redirect-to?url=/headers-of/x`.replace('/headers-of/x', '/anything'), { headers }));
  told(http.get(`${__ENV.HTTP}/redirect-to?url=http://other.test:${__ENV.PORT}/anything`, { headers }));
}
