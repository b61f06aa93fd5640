// Shows the headers of an answer: canonical names, several of one name.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const { headers } = http.get(`${__ENV.HTTP}/response-headers?x-ship=Ada&X-Ship=Bea&x-single=1&etag=%22e%22&www-thing=2`);
  console.log(headers['X-Ship'], headers['X-Single'], headers.Etag, headers['Www-Thing'], headers['x-single']);
  console.log(Object.keys(headers).sort().join(' '));
}
