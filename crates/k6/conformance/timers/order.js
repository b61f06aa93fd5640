// Shows the order of timers, promises and what comes after the function's end.
// compare: exit console
import { setTimeout as later, clearTimeout as never } from 'k6/timers';

export const options = { iterations: 1 };

export default function () {
  setTimeout(() => console.log('30'), 30);
  setTimeout(() => console.log('10'), 10);
  later(() => console.log('20'), 20);
  setTimeout((first, second) => console.log('0', first, second), 0, 'with', 'arguments');
  never(setTimeout(() => console.log('cleared'), 5));
  Promise.resolve().then(() => console.log('promise')).then(() => console.log('and another'));
  console.log('end of the function');
}
