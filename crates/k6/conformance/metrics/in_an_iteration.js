// Shows that a metric cannot be made in an iteration.
// compare: exit console
import { Counter } from 'k6/metrics';

export const options = { iterations: 1 };

export default function () {
  try {
    new Counter('too_late');
    console.log('made');
  } catch (error) {
    console.log('refused');
  }
}
