// Shows every field of an answer.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answer = http.post(`${__ENV.HTTP}/post?x=1`, 'body', { headers: { 'X-Own': 'a' }, cookies: { c: '1' } });
  console.log(Object.keys(answer).sort().join(' '));
  console.log(answer.status, answer.status_text, answer.proto, answer.error === '', answer.error_code);
  console.log(answer.url === `${__ENV.HTTP}/post?x=1`, answer.remote_ip, answer.remote_port === Number(__ENV.PORT));
  console.log(JSON.stringify([answer.tls_version, answer.tls_cipher_suite, answer.ocsp]));
  const { request } = answer;
  console.log(Object.keys(request).sort().join(' '));
  console.log(request.method, request.url === answer.url, request.body, JSON.stringify(request.headers['X-Own']));
  console.log(JSON.stringify(request.cookies));
  console.log(Object.keys(answer.timings).sort().join(' '));
}
