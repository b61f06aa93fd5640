// Shows a rejection in a promise that nobody waits for.
// run: --iterations 2
// compare: exit metrics console
export default function () {
  console.log(`iteration ${__ITER}`);
  Promise.reject(new Error('aside'));
  console.log('goes on');
}
