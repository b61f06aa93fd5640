// Shows an option of the wrong type.
// compare: exit counts
import http from 'k6/http';

export const options = { vus: 'many' };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
