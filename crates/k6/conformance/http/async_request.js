// Shows asyncRequest: promises that run side by side, and how they fail.
// compare: usual console
import http from 'k6/http';

export const options = { iterations: 1 };

export default async function () {
  const start = Date.now();
  const answers = await Promise.all([
    http.asyncRequest('GET', `${__ENV.HTTP}/delay/150`),
    http.asyncRequest('POST', `${__ENV.HTTP}/post`, { a: '1' }, { tags: { kind: 'async' } }),
    http.asyncRequest('GET', `${__ENV.HTTP}/delay/150`),
  ]);
  console.log(answers.map((answer) => answer.status).join(' '), Date.now() - start < 290);
  console.log(JSON.stringify(answers[1].json('form')));
  try {
    await http.asyncRequest('GET', `${__ENV.HTTP}/get`, null, { responseType: 'odd' });
  } catch (error) {
    console.log('rejected');
  }
}
