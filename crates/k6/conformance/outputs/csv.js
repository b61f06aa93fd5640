// Shows --out csv: its columns, and how many lines there are of each metric.
// run: --iterations 3 --out csv={SCRATCH}/points.csv
// compare: exit files
import http from 'k6/http';
import { check, group } from 'k6';
import { Trend } from 'k6/metrics';

const steps = new Trend('steps');

export default function () {
  group('g', () => check(http.get(`${__ENV.HTTP}/get`, { tags: { own: 'tag' } }), { ok: (r) => r.status === 200 }));
  steps.add(1);
}
