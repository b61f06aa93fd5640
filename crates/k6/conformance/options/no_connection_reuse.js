// Shows noConnectionReuse: a connection for each request.
// compare: exit counts connections
import http from 'k6/http';

export const options = { iterations: 2, noConnectionReuse: true };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
  http.get(`${__ENV.HTTP}/get`);
}
