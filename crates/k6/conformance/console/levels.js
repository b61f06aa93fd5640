// Shows console's methods and their levels.
// run: --iterations 1
// compare: exit console
export default function () {
  console.log('log');
  console.info('info');
  console.warn('warn');
  console.error('error');
  console.debug('debug is not shown');
  console.log();
  console.log('several', 1, true, null, undefined);
  console.log(Object.keys(console).sort().join(' '));
}
