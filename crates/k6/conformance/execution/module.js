// Shows what the module exports.
// compare: exit console
// differs: console.2: what a module exports is one object however it is reached, as the language has it; in k6 each way gives another
import exec, { vu, test as trial } from 'k6/execution';

export const options = { iterations: 1 };

const names = (object) => Object.keys(object).sort().join(' ');

export default function () {
  console.log(names(exec));
  console.log(names(exec.vu), '|', names(exec.scenario), '|', names(exec.instance), '|', names(exec.test));
  console.log(names(exec.vu.metrics), vu === exec.vu, trial === exec.test);
}
