// Shows tlsVersion: only this one.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1, insecureSkipTLSVerify: true, tlsVersion: 'tls1.2' };

export default function () {
  const answer = http.get(`${__ENV.HTTPS}/channel`);
  console.log(answer.tls_version, answer.json('tls.version'), answer.tls_version === http.TLS_1_2);
}
