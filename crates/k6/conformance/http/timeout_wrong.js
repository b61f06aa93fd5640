// Shows what is no timeout.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  for (const timeout of ['soon', true, [], -5, null]) {
    try {
      console.log(String(timeout), http.get(`${__ENV.HTTP}/get`, { timeout }).status);
    } catch (error) {
      console.log(String(timeout), 'refused');
    }
  }
}
