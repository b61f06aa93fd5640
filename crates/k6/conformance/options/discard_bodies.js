// Shows discardResponseBodies, and a request that wants its body all the same.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1, discardResponseBodies: true };

export default function () {
  console.log(http.get(`${__ENV.HTTP}/text/20`).body);
  console.log(http.get(`${__ENV.HTTP}/text/20`, { responseType: 'text' }).body);
}
