// Shows that a rejection that nobody handles ends its iteration as an exception does.
// run: --iterations 2
// compare: exit metrics console
// says: not handled
export default async function () {
  console.log(`iteration ${__ITER}`);
  if (__ITER === 0) {
    await Promise.reject(new Error('not handled'));
    console.log('never');
  }
}
