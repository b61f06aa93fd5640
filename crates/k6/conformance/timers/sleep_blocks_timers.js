// Shows that timers wait for a script that sleeps.
// compare: exit console
import { sleep } from 'k6';

export const options = { iterations: 1 };

export default function () {
  setTimeout(() => console.log('timer'), 10);
  sleep(0.1);
  console.log('slept');
}
