// Shows a setup whose value JSON cannot say: the test ends before its first iteration.
// compare: exit counts
import http from 'k6/http';

export const options = { iterations: 1 };

export function setup() {
  return { act: () => 1 };
}

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
