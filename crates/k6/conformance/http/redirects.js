// Shows redirects that are followed: each hop is a request of its own.
// compare: usual console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answer = http.get(`${__ENV.HTTP}/redirect/3`);
  console.log(answer.status, answer.url === `${__ENV.HTTP}/get`, answer.request.url === `${__ENV.HTTP}/redirect/3`);
  console.log(http.get(`${__ENV.HTTP}/absolute-redirect/2`).json('path'));
}
