// Shows what the module exports, by name and as a whole.
// compare: exit console
// differs: console.1: what a module exports is one object however it is reached, as the language has it; in k6 each way gives another
import http, * as whole from 'k6/http';
import { get, batch, cookieJar } from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const lower = Object.keys(http).filter((name) => name !== name.toUpperCase()).sort();
  console.log(lower.join(' '));
  console.log(whole.get === http.get, whole.default === http, get === http.get, batch === http.batch, cookieJar === http.cookieJar);
}
