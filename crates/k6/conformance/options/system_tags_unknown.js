// Shows a system tag that nobody knows.
// compare: exit counts
import http from 'k6/http';

export const options = { iterations: 1, systemTags: ['method', 'weather'] };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
