// Shows what `k6` exports.
// compare: exit console
import k6, { check, fail, group, randomSeed, sleep } from 'k6';
import * as whole from 'k6';

export const options = { iterations: 1 };

export default function () {
  console.log(Object.keys(k6).sort().join(' '));
  console.log([check, fail, group, randomSeed, sleep].every((it) => typeof it === 'function'), whole.check === check);
}
