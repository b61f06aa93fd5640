// Shows tags on checks.
// compare: exit checks tags thresholds
import { check } from 'k6';

export const options = { iterations: 2, thresholds: { 'checks{kind:a}': ['rate==1'], 'checks{kind:b}': ['rate==0'] } };

export default function () {
  check(1, { first: (value) => value === 1 }, { kind: 'a', number: 4 });
  check(2, { first: (value) => value === 1 }, { kind: 'b' });
}
