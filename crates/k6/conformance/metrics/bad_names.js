// Shows which names a metric may have.
// compare: exit console
import { Counter } from 'k6/metrics';

const names = ['ok_name', '_under', 'a1', 'Upper', 'a', '', '1st', 'with space', 'with-dash', 'with.dot', 'wïth', 'x'.repeat(128), 'x'.repeat(129)];
const outcomes = names.map((name) => {
  try {
    new Counter(name);
    return true;
  } catch (error) {
    return false;
  }
});

export const options = { iterations: 1 };

export default function () {
  names.forEach((name, index) => console.log(`${name.slice(0, 12)} (${name.length}): ${outcomes[index]}`));
}
