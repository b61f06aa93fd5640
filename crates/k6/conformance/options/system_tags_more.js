// Shows system tags that are off by default.
// compare: usual
import http from 'k6/http';

export const options = {
  iterations: 1,
  insecureSkipTLSVerify: true,
  systemTags: ['proto', 'status', 'method', 'url', 'name', 'ip', 'tls_version', 'ocsp_status', 'group', 'scenario'],
};

export default function () {
  http.get(`${__ENV.HTTPS}/get`);
  http.get(`${__ENV.HTTP}/get`);
}
