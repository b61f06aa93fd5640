// Shows http.url: what is filled in is not in the name.
// compare: exit tags console counts
import http from 'k6/http';

export const options = { iterations: 2 };

export default function () {
  const id = __ITER + 10;
  const answer = http.get(http.url`${__ENV.HTTP}/anything/${id}/part?q=${id * 2}`);
  console.log(answer.json('path'), JSON.stringify(answer.json('query')));
  http.post(http.url`${__ENV.HTTP}/post?plain`, 'x');
}
