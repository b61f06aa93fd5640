// Shows --verbose, which shows console.debug.
// run: --iterations 1 --verbose
// compare: exit console
export default function () {
  console.debug('debug is shown');
}
