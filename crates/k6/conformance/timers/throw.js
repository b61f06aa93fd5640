// Shows an exception in a timer.
// compare: exit console metrics
// says: late trouble
export const options = { iterations: 2 };

export default function () {
  console.log(`iteration ${__ITER}`);
  setTimeout(() => { throw new Error('late trouble'); }, 10);
  setTimeout(() => console.log('another timer'), 60);
}
