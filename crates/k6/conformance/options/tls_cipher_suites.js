// Shows tlsCipherSuites.
// compare: exit console
import http from 'k6/http';

export const options = {
  iterations: 1,
  insecureSkipTLSVerify: true,
  tlsVersion: 'tls1.2',
  tlsCipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
};

export default function () {
  const answer = http.get(`${__ENV.HTTPS}/channel`);
  console.log(answer.tls_cipher_suite, answer.json('tls.cipher'));
}
