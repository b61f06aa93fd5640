// Shows noVUConnectionReuse: connections are kept within an iteration only.
// compare: exit counts connections
import http from 'k6/http';

export const options = { iterations: 3, noVUConnectionReuse: true };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
  http.get(`${__ENV.HTTP}/get`);
}
