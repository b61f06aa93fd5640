// Shows how symbols, functions and errors in objects are written.
// run: --iterations 1
// compare: exit console
export default function () {
  console.log(Symbol('q'), Symbol.iterator);
  console.log({ a: Symbol('z') }, [Symbol('y'), () => 1]);
  console.log(() => 1);
  console.log(class A {}, async () => 1);
  console.log({ f() {}, e: new TypeError('wrong') });
}
