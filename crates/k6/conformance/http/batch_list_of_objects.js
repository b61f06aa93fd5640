// Shows batch with objects.
// compare: usual console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answers = http.batch([
    { method: 'GET', url: `${__ENV.HTTP}/get` },
    { method: 'POST', url: `${__ENV.HTTP}/post`, body: 'hi', params: { tags: { kind: 'x' } } },
    { url: `${__ENV.HTTP}/json`, method: 'GET', params: { responseType: 'none' } },
  ]);
  console.log(answers.map((answer) => answer.status).join(' '), answers[1].json('body'), answers[2].body);
}
