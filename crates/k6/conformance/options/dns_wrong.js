// Shows an option `dns` that makes no sense.
// compare: exit counts
import http from 'k6/http';

export const options = { iterations: 1, dns: { select: 'the best one' } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
