// Shows what cannot be called outside of functions.
// compare: exit console
import { check, group, sleep } from 'k6';
import http from 'k6/http';

const outcomes = [];
for (const [name, attempt] of [
  ['check', () => check(1, { one: () => true })],
  ['group', () => group('g', () => 1)],
  ['http.get', () => http.get('http://127.0.0.1:1/')],
  ['batch', () => http.batch([])],
  ['cookieJar', () => http.cookieJar()],
]) {
  try {
    attempt();
    outcomes.push(`${name} taken`);
  } catch (error) {
    outcomes.push(`${name} refused`);
  }
}

export const options = { iterations: 1 };

export default function () {
  console.log(outcomes.join(', '));
}
