// Shows that a seed makes Math.random repeat itself within a user.
// compare: exit console
import { randomSeed } from 'k6';

export const options = { iterations: 1 };

export default function () {
  const three = () => [Math.random(), Math.random(), Math.random()].join(' ');
  randomSeed(7);
  const first = three();
  randomSeed(7);
  console.log(first === three());
  randomSeed(8);
  console.log(first === three(), Math.random() < 1);
}
