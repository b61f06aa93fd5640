// Shows what `k6` exports.
// compare: exit console
// differs: console.1: what a module exports is one object however it is reached, as the language has it; in k6 each way gives another
import k6, { check, fail, group, randomSeed, sleep } from 'k6';
import * as whole from 'k6';

export const options = { iterations: 1 };

export default function () {
  console.log(Object.keys(k6).sort().join(' '));
  console.log([check, fail, group, randomSeed, sleep].every((it) => typeof it === 'function'), whole.check === check);
}
