// Shows `compression`: bodies packed in each way, and in two.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const body = 'packed '.repeat(200);
  for (const compression of ['gzip', 'deflate', 'br', 'zstd', 'gzip, br', ' zstd,gzip ']) {
    const answer = http.post(`${__ENV.HTTP}/post`, body, { compression });
    const length = Number(answer.json('headers.content-length'));
    console.log(compression, answer.json('headers.content-encoding'), answer.json('body') === body, length < 400);
  }
  try {
    http.post(`${__ENV.HTTP}/post`, body, { compression: 'odd' });
    console.log('taken');
  } catch (error) {
    console.log('refused');
  }
}
