// Shows --local-ips: the address that requests come from.
// run: --iterations 1 --local-ips 127.0.0.5
// compare: exit console
import http from 'k6/http';

export default function () {
  console.log(http.get(`${__ENV.HTTP}/channel`).json('ip'));
}
