// Shows a duration that is none.
// compare: exit counts
import http from 'k6/http';

export const options = { duration: '5 parsecs' };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
