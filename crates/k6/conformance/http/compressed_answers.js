// Shows answers that are packed in each way.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  for (const coding of ['gzip', 'deflate', 'br', 'zstd']) {
    const answer = http.get(`${__ENV.HTTP}/${coding}`);
    console.log(coding, answer.json('coding'), answer.body.length, answer.headers['Content-Encoding']);
  }
}
