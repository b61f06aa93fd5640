// Shows `vus` and `iterations`: shared between the users.
// compare: usual
import http from 'k6/http';

export const options = { vus: 3, iterations: 7 };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
