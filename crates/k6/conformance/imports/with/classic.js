const { inner } = require('./deeper/classic_too.js');

exports.name = 'classic';
exports.more = () => inner + 1;
