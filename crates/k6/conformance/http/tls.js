// Shows TLS: what an answer says of it.
// run: --insecure-skip-tls-verify
// compare: usual console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answer = http.get(`${__ENV.HTTPS}/channel`);
  console.log(answer.tls_version, answer.tls_version === http.TLS_1_3, typeof answer.tls_cipher_suite);
  console.log(JSON.stringify(answer.ocsp), answer.ocsp.status === http.OCSP_STATUS_UNKNOWN);
  console.log(answer.timings.tls_handshaking > 0);
}
