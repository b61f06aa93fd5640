// Shows two modules that need each other.
// compare: exit console
import { even } from './with/even.js';

export const options = { iterations: 1 };

export default function () {
  console.log(even(10), even(7));
}
