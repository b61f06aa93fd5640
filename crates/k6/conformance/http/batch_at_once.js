// Shows that a batch's requests run at the same time, and no more than `batchPerHost` of them.
// compare: exit checks counts
import http from 'k6/http';
import { check } from 'k6';

export const options = { iterations: 1, batch: 10, batchPerHost: 4 };

export default function () {
  const urls = Array.from({ length: 8 }, () => `${__ENV.HTTP}/delay/200`);
  const start = Date.now();
  http.batch(urls);
  const took = Date.now() - start;
  check(took, { 'two rounds, not one': (it) => it >= 390, 'and not eight': (it) => it < 1200 });
}
