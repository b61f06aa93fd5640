module.exports = { inner: 41, where: typeof __filename };
