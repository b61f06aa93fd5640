// Shows batch with a list of URLs: a list of answers, in order.
// compare: usual console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answers = http.batch([`${__ENV.HTTP}/get?a=1`, `${__ENV.HTTP}/delay/40`, `${__ENV.HTTP}/status/404`]);
  console.log(Array.isArray(answers), answers.map((answer) => answer.status).join(' '));
}
