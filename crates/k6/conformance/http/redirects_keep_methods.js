// Shows what becomes of a POST at a redirect of each kind.
// compare: exit console counts
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  for (const status of [301, 302, 303, 307, 308]) {
    const answer = http.post(`${__ENV.HTTP}/redirect-to?status=${status}&url=/anything/${status}`, 'cargo', {
      headers: { 'Content-Type': 'text/cargo', 'X-Own': 'kept' },
    });
    const { method, body, headers } = answer.json();
    console.log(status, method, body, headers['content-type'], headers['x-own'], answer.request.method);
  }
}
