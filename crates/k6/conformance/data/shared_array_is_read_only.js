// Shows that a SharedArray cannot be changed.
// compare: exit console
import { SharedArray } from 'k6/data';

const list = new SharedArray('list', () => [{ a: 1 }, { a: 2 }]);

export const options = { iterations: 2 };

export default function () {
  const attempt = (name, change) => {
    try {
      change();
      console.log(`${name}: silent`);
    } catch (error) {
      console.log(`${name}: ${error.name}`);
    }
  };
  attempt('an element', () => { list[0] = 5; });
  attempt('a field', () => { list[0].a = 5; });
  attempt('push', () => list.push(1));
  attempt('length', () => { list.length = 0; });
  console.log(JSON.stringify(list), Array.isArray(list), typeof list, list instanceof SharedArray);
}
