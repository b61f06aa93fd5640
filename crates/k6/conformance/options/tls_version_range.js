// Shows tlsVersion with a lower and an upper bound.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1, insecureSkipTLSVerify: true, tlsVersion: { min: 'tls1.2', max: 'tls1.3' } };

export default function () {
  console.log(http.get(`${__ENV.HTTPS}/channel`).tls_version);
}
