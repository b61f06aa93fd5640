// Shows SharedArray: made once, read by all.
// run: --vus 3 --iterations 6
// compare: exit checks metrics
import { check } from 'k6';
import { SharedArray } from 'k6/data';

const ships = new SharedArray('ships', () => JSON.parse(open('./with/ships.json')));

export default function () {
  check(ships, {
    'has a length': (s) => s.length === 3,
    'has elements': (s) => s[1].name === 'Bea' && s[2].crew[0] === 'Cy',
    'can be walked': (s) => { let names = ''; for (const ship of s) names += ship.name; return names === 'AdaBeaCleo'; },
    'has what lists have': (s) => s.map((ship) => ship.length).reduce((a, b) => a + b) === 97 && s.find((ship) => ship.length > 20).name === 'Bea',
    'ends somewhere': (s) => s[3] === undefined && s[-1] === undefined && s.nowhere === undefined,
    'becomes JSON': (s) => JSON.parse(JSON.stringify(s)).length === 3,
  });
}
