// Shows modules of the script's own: named, default, whole, through others, and each only once.
// compare: exit console
import twice, { LIMIT, greet as hello } from './with/tools.js';
import * as tools from './with/tools.js';
import { through } from './with/deeper/through.js';
import { loads } from './with/counted.js';
import './with/deeper/also_counted.js';

export const options = { iterations: 1 };

export default function () {
  console.log(hello('Ada'), twice(LIMIT), Object.keys(tools).sort().join(' '), through('Bea'));
  console.log(loads());
}
