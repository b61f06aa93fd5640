// Shows an https:// request to a server that speaks no TLS.
// compare: usual console
import http from 'k6/http';

export const options = { vus: 1, iterations: 1 };

export default function () {
  const { status, error, error_code } = http.get(`https://127.0.0.1:${__ENV.PORT}/get`);
  console.log(status, error_code, error);
}
