// Shows require(): of the built-in modules, of CommonJS files, of ES modules, and each only once.
// compare: exit console
const { sleep } = require('k6');
const classic = require('./with/classic.js');
const again = require('./with/classic.js');
const modern = require('./with/tools.js');

export const options = { iterations: 1 };

export default function () {
  console.log(typeof sleep, classic.name, classic.more(), classic === again, modern.LIMIT, modern.default(4));
}
