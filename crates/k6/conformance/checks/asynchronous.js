// Shows that a check may not be asynchronous.
// compare: exit checks console metrics
import { check } from 'k6';

export const options = { iterations: 1 };

export default function () {
  try {
    console.log(check(1, { later: async () => true }));
  } catch (error) {
    console.log('refused');
  }
}
