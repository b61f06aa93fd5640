// Shows `maxRedirects`: the answer after so many, with a warning.
// compare: usual console
import http from 'k6/http';

export const options = { iterations: 1, maxRedirects: 2 };

export default function () {
  const answer = http.get(`${__ENV.HTTP}/redirect/5`);
  console.log(answer.status, answer.headers.Location);
}
