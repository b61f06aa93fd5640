// Shows that the same name at two places is two groups, and one name in one place is one.
// compare: exit groups checks tags
import { check, group } from 'k6';

export const options = { iterations: 1 };

export default function () {
  const again = () => check(1, { same: () => true });
  group('a', () => { group('b', again); });
  group('b', again);
  group('a', again);
}
