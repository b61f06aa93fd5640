// Shows what iterations get when setup returns nothing, and when there is none to call teardown with.
// compare: exit console
export const options = { iterations: 1 };

export function setup() {}

export default function (data) {
  console.log(`iteration: ${data === undefined} ${data === null} ${arguments.length}`);
}

export function teardown(data) {
  console.log(`teardown: ${data === undefined} ${data === null}`);
}
