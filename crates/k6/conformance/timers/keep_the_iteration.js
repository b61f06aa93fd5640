// Shows that an iteration lasts until its last timer.
// compare: exit checks metrics
import { check } from 'k6';

export const options = { iterations: 2 };

let ended = 0;

export default function () {
  check(ended, { 'the timer of the one before has run': (it) => it === __ITER });
  setTimeout(() => { ended += 1; }, 120);
}
