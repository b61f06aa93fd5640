// Shows that an iteration waits for its promises, and in which order things happen.
// run: --iterations 1
// compare: exit console counts
import http from 'k6/http';
import { sleep } from 'k6';

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export default async function () {
  console.log('one');
  Promise.resolve().then(() => console.log('three'));
  console.log('two');
  await wait(20);
  console.log('four');
  const [first, second] = await Promise.all([
    http.asyncRequest('GET', `${__ENV.HTTP}/delay/60`).then((r) => { console.log('slow'); return r; }),
    http.asyncRequest('GET', `${__ENV.HTTP}/get`).then((r) => { console.log('fast'); return r; }),
  ]);
  console.log(first.status, second.status);
  sleep(0.01);
  setTimeout(() => console.log('last'), 10);
}
