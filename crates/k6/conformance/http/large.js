// Shows bodies of a megabyte, both ways.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  console.log(http.get(`${__ENV.HTTP}/bytes/1048576`, { responseType: 'binary' }).body.byteLength);
  console.log(http.get(`${__ENV.HTTP}/text/1048570`).body.length);
  console.log(http.post(`${__ENV.HTTP}/post`, 'x'.repeat(1048576)).json('length'));
}
