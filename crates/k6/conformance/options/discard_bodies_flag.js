// Shows --discard-response-bodies.
// run: --iterations 1 --discard-response-bodies
// compare: exit console
import http from 'k6/http';

export default function () {
  console.log(http.get(`${__ENV.HTTP}/text/20`).body);
}
