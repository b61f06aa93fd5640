// Shows that setup, an iteration and teardown may be asynchronous.
// run: --iterations 2
// compare: usual console
import http from 'k6/http';

export async function setup() {
  const answer = await http.asyncRequest('GET', `${__ENV.HTTP}/json`);
  return answer.json('berths');
}

export default async function (berths) {
  const answer = await http.asyncRequest('GET', `${__ENV.HTTP}/get`);
  console.log(`${berths} ${answer.status}`);
}

export async function teardown(berths) {
  await Promise.resolve();
  console.log(`done with ${berths}`);
}
