// Shows json(): the whole, and parts by selector.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answer = http.get(`${__ENV.HTTP}/json`);
  const whole = answer.json();
  console.log(Object.keys(whole).length, whole.ships[1].name, whole.closed);
  for (const selector of [
    'name', 'open', 'depth', 'berths', 'closed', 'place.town', 'place.at.1', 'ships.#', 'ships.0.name', 'ships.#.name',
    'ships.#(name=="Bea").length', 'ships.#(length>20)#.name', 'ships.1.flags', 'a\\.b', 'empty', 'nowhere', 'ships.9', 'text',
    'ships.-1', 'long', 'n?me', 'pl*.town',
  ]) {
    const value = answer.json(selector);
    console.log(selector, value === undefined ? 'undefined' : JSON.stringify(value));
  }
}
