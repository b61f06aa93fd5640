// Shows tags on samples: of any type, none, and what a tag named like a system tag does.
// compare: exit tags console
import { Counter } from 'k6/metrics';

const seen = new Counter('seen');

export const options = { iterations: 1, tags: { all: 'x' } };

export default function () {
  seen.add(1);
  seen.add(1, {});
  seen.add(1, { text: 'a', number: 1.5, flag: false });
  seen.add(1, { scenario: 'mine', group: 'own', all: 'over' });
  try {
    seen.add(1, { list: [1, 2] });
    console.log('a list is taken');
  } catch (error) {
    console.log('a list is refused');
  }
  try {
    seen.add(1, { nothing: null });
    console.log('null is taken');
  } catch (error) {
    console.log('null is refused');
  }
}
