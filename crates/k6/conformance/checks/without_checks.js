// Shows check() given nothing to check.
// compare: exit checks console
import { check } from 'k6';

export const options = { iterations: 1 };

export default function () {
  for (const checks of [undefined, null, 5, 'text', []]) {
    try {
      console.log(check(1, checks));
    } catch (error) {
      console.log('refused');
    }
  }
}
