// Shows the name `global` of the global object.
// run: --iterations 1
// compare: exit console
export default function () {
  console.log(typeof global, global === globalThis, Object.keys(globalThis).includes('global'));
}
