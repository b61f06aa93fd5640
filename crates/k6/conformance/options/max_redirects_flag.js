// Shows --max-redirects.
// run: --iterations 1 --max-redirects 1
// compare: exit console counts
import http from 'k6/http';

export default function () {
  console.log(http.get(`${__ENV.HTTP}/redirect/4`).status);
}
