// Shows wrong arguments to the functions of `k6`.
// compare: exit console checks groups
import { check, fail, group, randomSeed, sleep } from 'k6';

export const options = { iterations: 1 };

export default function () {
  for (const [name, attempt] of [
    ['sleep a text', () => sleep('0.01')],
    ['sleep nothing', () => sleep()],
    ['check nothing', () => check()],
    ['group without a function', () => group('g')],
    ['group a number', () => group(5, () => 1)],
    ['seed a text', () => randomSeed('seven')],
    ['fail without a reason', () => fail()],
  ]) {
    try {
      attempt();
      console.log(`${name}: taken`);
    } catch (error) {
      console.log(`${name}: refused`);
    }
  }
}
