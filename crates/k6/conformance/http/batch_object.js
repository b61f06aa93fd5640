// Shows batch with names: answers by the same names.
// compare: usual console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answers = http.batch({
    front: `${__ENV.HTTP}/html`,
    data: ['GET', `${__ENV.HTTP}/json`],
    sent: { method: 'POST', url: `${__ENV.HTTP}/post`, body: 'x' },
  });
  console.log(Object.keys(answers).sort().join(' '));
  console.log(answers.front.status, answers.data.json('name'), answers.sent.json('body'));
}
