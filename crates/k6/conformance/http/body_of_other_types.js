// Shows what is no body.
// compare: exit console counts
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  for (const body of [5, true, ['a']]) {
    try {
      const answer = http.post(`${__ENV.HTTP}/post`, body);
      console.log(`${typeof body} ${answer.json('body')}`);
    } catch (error) {
      console.log(`${typeof body} refused`);
    }
  }
}
