// Shows what a SharedArray cannot be made of.
// compare: exit console
import { SharedArray } from 'k6/data';

const outcomes = [];
const attempt = (name, ...rest) => {
  try {
    new SharedArray(name, ...rest);
    outcomes.push('made');
  } catch (error) {
    outcomes.push('refused');
  }
};
attempt('an object', () => ({ a: 1 }));
attempt('a text', () => 'text');
attempt('no function', [1, 2]);
attempt('', () => [1]);
attempt('asynchronous', async () => [1]);
attempt('empty', () => []);
attempt('nothing');

export const options = { iterations: 1 };

export default function () {
  console.log(outcomes.join(' '));
  try {
    new SharedArray('late', () => [1]);
    console.log('made');
  } catch (error) {
    console.log('refused');
  }
}
