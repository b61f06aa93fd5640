// Shows URLs with fragments, spaces, letters beyond ASCII and odd queries.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  for (const path of ['/anything/a%20b', '/anything/ü', '/anything?q=ü&e=%C3%BC', '/anything#part', '/anything/a//b/../c', '/anything?', '/anything?x=1&x=2']) {
    const answer = http.get(`${__ENV.HTTP}${path}`);
    console.log(path, answer.status, answer.status === 200 ? `${answer.json('path')} ${JSON.stringify(answer.json('query'))}` : '', answer.url.replace(__ENV.HTTP, ''));
  }
}
