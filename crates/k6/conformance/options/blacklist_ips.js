// Shows blacklistIPs.
// compare: usual console
// varies: tag:error
import http from 'k6/http';

export const options = { iterations: 1, blacklistIPs: ['127.0.0.0/8'] };

export default function () {
  const answer = http.get(`${__ENV.HTTP}/get`);
  console.log(answer.status, answer.error_code);
}
