// Shows --http-debug: heads of requests and answers are logged.
// run: --iterations 1 --http-debug
// compare: exit counts
// says: user-agent: under-watch
// says: HTTP/1.1 200 OK
import http from 'k6/http';

export default function () {
  http.get(`${__ENV.HTTP}/get`, { headers: { 'User-Agent': 'under-watch' } });
}
