// Shows --blacklist-ip and --block-hostnames.
// run: --iterations 1 --blacklist-ip 127.0.0.1/32 --block-hostnames *.blocked.test
// compare: exit console
import http from 'k6/http';

export default function () {
  console.log(http.get(`${__ENV.HTTP}/get`).error_code);
  console.log(http.get('http://a.blocked.test/get').error_code);
}
