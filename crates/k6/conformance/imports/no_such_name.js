// Shows a name that a built-in module does not export.
// compare: exit console
// differs: exit: a script that asks for what is not there does not begin; in k6 the name is undefined
// differs: console: the same
import { chek } from 'k6';

export const options = { iterations: 1 };

export default function () {
  console.log(typeof chek);
}
