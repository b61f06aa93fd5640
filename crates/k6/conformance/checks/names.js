// Shows odd names of checks.
// compare: exit checks tags console
import { check } from 'k6';

export const options = { iterations: 1 };

export default function () {
  check(1, { '': () => true });
  check(1, { 'ünïcode ⚓': () => true, ' spaces ': () => true, 'with "quotes"': () => true });
  try {
    check(1, { 'with :: in it': () => true });
    console.log('taken');
  } catch (error) {
    console.log('refused');
  }
}
