// Shows options of several types from the environment.
// env: K6_ITERATIONS=2
// env: K6_NO_CONNECTION_REUSE=true
// env: K6_USER_AGENT=from-outside
// env: K6_DISCARD_RESPONSE_BODIES=false
// env: K6_MAX_REDIRECTS=0
// env: K6_BLOCK_HOSTNAMES=a.test,*.b.test
// compare: exit counts connections console
import http from 'k6/http';

export default function () {
  console.log(http.get(`${__ENV.HTTP}/user-agent`).json('userAgent'), http.get(`${__ENV.HTTP}/redirect/1`).status);
  console.log(http.get('http://x.b.test/').error_code);
}
