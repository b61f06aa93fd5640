// Shows what is no batch.
// compare: exit console counts
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  for (const wrong of [undefined, 5, [5], [{ method: 'GET' }], []]) {
    try {
      console.log(http.batch(wrong).map((answer) => `${answer.status}/${answer.error_code}`).join(' ') || 'nothing');
    } catch (error) {
      console.log('refused');
    }
  }
}
