// Shows digest authentication: two requests, the second with the proof.
// compare: usual console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const url = (user) => `http://${user}@127.0.0.1:${__ENV.PORT}/digest-auth/ada/secret`;
  const answer = http.get(url('ada:secret'), { auth: 'digest' });
  console.log(answer.status, answer.json('authenticated'));
  console.log(http.get(url('ada:wrong'), { auth: 'digest' }).status);
}
