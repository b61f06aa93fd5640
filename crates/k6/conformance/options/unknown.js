// Shows that an option nobody knows does not stop a test.
// compare: exit counts
import http from 'k6/http';

export const options = { iterations: 1, iteratoins: 9 };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
