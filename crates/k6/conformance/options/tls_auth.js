// Shows tlsAuth: a certificate of the client's own, for the hosts it is meant for.
// compare: exit console
import http from 'k6/http';

const folder = '../../../net/tests/data';

export const options = {
  iterations: 1,
  insecureSkipTLSVerify: true,
  tlsAuth: [
    { domains: ['127.0.0.1'], cert: open(`${folder}/server.pem`), key: open(`${folder}/server.key`) },
  ],
};

export default function () {
  console.log(http.get(`${__ENV.HTTPS}/channel`).json('tls.clientCertificate'));
}
