// Shows that a script may sleep before it begins.
// compare: exit console
import { sleep } from 'k6';

sleep(0.05);

export const options = { iterations: 1 };

export default function () {
  console.log('awake');
}
