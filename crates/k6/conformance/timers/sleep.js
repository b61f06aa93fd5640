// Shows sleep: fractions, nothing, less than nothing.
// compare: exit console
import { sleep } from 'k6';

export const options = { iterations: 1 };

export default function () {
  const time = (seconds) => { const start = Date.now(); sleep(seconds); return Date.now() - start; };
  const third = time(0.3);
  console.log(third >= 299 && third < 2000, time(0) < 200, time(-5) < 200);
}
