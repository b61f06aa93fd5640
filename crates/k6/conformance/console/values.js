// Shows how values of every kind are written.
// run: --iterations 1
// compare: exit console
export default function () {
  console.log({ a: 1, b: ['x', { c: null }], d: undefined });
  console.log([1, 'two', [3]], []);
  console.log(1.5, -0, NaN, Infinity, 1e21, 10n);
  console.log(new Error('an error').message, String(new TypeError('wrong')));
  console.log([undefined, null, true], '');
  console.log('%s and %d', 'text', 5);
  console.log(new Date(0).toISOString(), 'with "quotes" and \\ and\ttab');
}
