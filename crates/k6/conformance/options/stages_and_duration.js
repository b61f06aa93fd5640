// Shows a duration and stages at once.
// compare: exit counts
import http from 'k6/http';

export const options = { duration: '1s', stages: [{ duration: '1s', target: 1 }] };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
