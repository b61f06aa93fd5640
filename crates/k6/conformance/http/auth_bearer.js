// Shows a token in a header.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  console.log(http.get(`${__ENV.HTTP}/bearer`).status);
  console.log(http.get(`${__ENV.HTTP}/bearer`, { headers: { Authorization: 'Bearer abc' } }).json('token'));
}
