// Shows that an exception leaves its groups behind.
// compare: exit groups tags metrics
import { check, group } from 'k6';

export const options = { iterations: 2 };

export default function () {
  try {
    group('left', () => { throw new Error('out'); });
  } catch (error) {
    check(1, { 'outside again': () => true });
  }
  group('entered', () => {
    if (__ITER === 0) throw new Error('out');
    check(1, { inside: () => true });
  });
}
