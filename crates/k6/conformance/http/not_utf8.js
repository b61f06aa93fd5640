// Shows a text that is no UTF-8.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const { body } = http.get(`${__ENV.HTTP}/latin1`);
  console.log(body.length, body.slice(0, 3), body.charCodeAt(3));
}
