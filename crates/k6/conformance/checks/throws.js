// Shows a check that throws: it fails, and so does its iteration.
// compare: exit checks console metrics
import { check } from 'k6';

export const options = { iterations: 2 };

export default function () {
  try {
    check(null, {
      before: () => true,
      throws: (value) => value.length > 1,
      after: () => true,
    });
    console.log('goes on');
  } catch (error) {
    console.log(`caught ${error.name}`);
  }
}
