// Shows dates, numbers and texts, which must be the same everywhere.
// compare: exit console
export const options = { iterations: 1 };

export default function () {
  const date = new Date(Date.UTC(2026, 10, 20, 12, 30, 15, 123));
  console.log(date.toISOString(), date.getTime(), JSON.stringify({ date }), Date.parse('2026-11-20T12:30:15Z'));
  console.log((1234.5678).toFixed(2), (0.1 + 0.2).toString(), (255).toString(16), (1e21).toString(), parseInt('12px', 10), Number(''));
  console.log(Math.max(), Math.round(2.5), Math.round(-2.5), Math.trunc(-1.7), Math.sign(-3), 7 % -3, -7 % 3);
  console.log('straße'.toUpperCase(), 'İ'.length, '⚓'.codePointAt(0), encodeURIComponent('ü &/'), escape ? 'has escape' : '');
  console.log([10, 9, 1].sort().join(), [3, 1, 2].sort((a, b) => a - b).join(), ['b', 'a'].reverse().join());
  console.log(JSON.stringify({ u: undefined, n: NaN, i: Infinity, d: new Date(0), nested: { toJSON: () => 'custom' } }), JSON.stringify([1], null, 2));
}
