// Shows that a connection the server gives up is made anew.
// compare: exit counts connections console
import http from 'k6/http';

export const options = { iterations: 2 };

export default function () {
  console.log(http.get(`${__ENV.HTTP}/last`).headers.Connection);
  console.log(http.get(`${__ENV.HTTP}/get`).status);
}
