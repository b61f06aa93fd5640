// Shows batch with lists of method, URL, body and parameters.
// compare: usual console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answers = http.batch([
    ['GET', `${__ENV.HTTP}/get`],
    ['GET', `${__ENV.HTTP}/get`, null, { tags: { name: 'named' } }],
    ['POST', `${__ENV.HTTP}/post`, { a: 'b' }, { headers: { 'X-Own': '1' } }],
    ['PUT', `${__ENV.HTTP}/put`, 'text'],
    ['DELETE', `${__ENV.HTTP}/delete`],
  ]);
  console.log(answers.map((answer) => answer.json('method')).join(' '));
  console.log(JSON.stringify(answers[2].json('form')), answers[2].json('headers.x-own'), answers[3].json('body'));
}
