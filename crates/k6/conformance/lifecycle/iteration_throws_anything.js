// Shows that a script may throw what is no error.
// run: --iterations 5
// compare: exit metrics
export default function () {
  switch (__ITER) {
    case 0: throw 'a text';
    case 1: throw { code: 7 };
    case 2: throw null;
    case 3: throw undefined;
    default: throw 42;
  }
}
