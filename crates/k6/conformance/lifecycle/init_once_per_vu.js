// Shows that the code outside of functions runs once in each virtual user, before its first iteration.
// run: --vus 3 --iterations 6
// compare: exit checks metrics
import { check } from 'k6';

let begun = 0;
begun += 1;
const born = __VU;

export default function () {
  check(null, {
    'the outside ran once': () => begun === 1,
    'it knew its user': () => born === __VU,
    'users count from one': () => __VU >= 1 && __VU <= 3,
  });
}
