// Shows a kind of authentication that nobody knows.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  try {
    console.log(http.get(`${__ENV.HTTP}/get`, { auth: 'handshake' }).status);
  } catch (error) {
    console.log('refused');
  }
}
