// Shows names that groups may not have, and callbacks that are none.
// compare: exit groups console
import { group } from 'k6';

export const options = { iterations: 1 };

export default function () {
  const attempt = (name, callback) => {
    try {
      console.log(`${name}: ${group(name, callback)}`);
    } catch (error) {
      console.log(`${name}: refused`);
    }
  };
  attempt('plain', () => 1);
  attempt('a::b', () => 2);
  attempt('', () => 3);
  attempt('async', async () => 4);
  attempt('nothing', undefined);
  attempt('ünï ⚓', () => 5);
}
