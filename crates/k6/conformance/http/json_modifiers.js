// Shows GJSON's modifiers that list names and values.
// run: --iterations 1
// compare: exit console
import http from 'k6/http';

export default function () {
  const answer = http.get(`${__ENV.HTTP}/json`);
  for (const selector of ['@keys', 'place.@keys', 'place|@keys', 'place.@values', 'place.@keys.0', 'ships.0.@keys.#', 'nowhere.@keys']) {
    const value = answer.json(selector);
    console.log(selector, value === undefined ? 'undefined' : JSON.stringify(value));
  }
}
