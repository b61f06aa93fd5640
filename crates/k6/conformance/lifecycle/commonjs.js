// Shows a script written as a CommonJS module.
// compare: usual
const http = require('k6/http');
const { check } = require('k6');

exports.options = { iterations: 2 };

exports.default = function () {
  check(http.get(`${__ENV.HTTP}/get`), { answered: (r) => r.status === 200 });
};
