// Shows what a check may be instead of a function, and what counts as passing.
// compare: exit checks console
import { check } from 'k6';

export const options = { iterations: 1 };

export default function () {
  check(null, {
    'true itself': true,
    'false itself': false,
    'a text': 'yes',
    'an empty text': '',
    zero: 0,
    one: 1,
    nothing: null,
    undefined: undefined,
    'an object': {},
    'a list': [],
    'a function giving a text': () => 'yes',
    'a function giving nothing': () => {},
    'a function giving null': () => null,
  });
}
