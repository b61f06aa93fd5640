// Shows what of the language scripts may use.
// compare: exit console
export const options = { iterations: 1 };

class Ship {
  #cargo = 0;
  static built = 0;
  name = 'Ada';

  constructor() { Ship.built += 1; }
  get cargo() { return this.#cargo; }
  load(tons = 1) { this.#cargo += tons; return this; }
}

function* upTo(limit) {
  for (let i = 0; i < limit; i += 1) yield i;
}

export default async function () {
  const ship = new Ship().load().load(4);
  console.log(ship.cargo, Ship.built, ship?.name ?? 'none', ship.nothing?.more);
  const { name, ...rest } = { name: 'Bea', a: 1, b: 2 };
  console.log(name, JSON.stringify(rest), [...upTo(4)].join(''), `${[1, [2, [3]]].flat(2)}`);
  console.log(2 ** 10, 1_000, 0b11, [3, 1, 2].toString(), 'abc'.at(-1), 'a-b-c'.replaceAll('-', '+'));
  let nothing = null;
  nothing ??= 'something';
  console.log(nothing, 10n ** 20n, Symbol('x').description, new Set([1, 1, 2]).size, new Map([['k', 'v']]).get('k'));
  console.log(Object.entries({ a: 1 }).flat().join(), '2026-11-20'.match(/(?<year>\d{4})/).groups.year, 'x'.padStart(3, '.'));
  const settled = await Promise.allSettled([Promise.resolve(1), Promise.reject(new Error('no'))]);
  console.log(settled.map((it) => it.status).join(' '));
  label: for (const i of [1, 2, 3]) { for (const j of [1, 2]) { if (i * j === 4) { console.log('broke out', i, j); break label; } } }
  console.log(new Proxy({}, { get: (_, key) => `asked ${String(key)}` }).anything, Reflect.ownKeys({ x: 1 }).length);
}
