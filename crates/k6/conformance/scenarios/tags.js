// Shows `tags` of a scenario on all its samples.
// compare: usual
import http from 'k6/http';
import { check, group } from 'k6';

export const options = {
  tags: { everywhere: 'yes', kind: 'test' },
  scenarios: {
    plain: { executor: 'per-vu-iterations', vus: 1, iterations: 1 },
    own: { executor: 'per-vu-iterations', vus: 1, iterations: 1, tags: { kind: 'own', also: 'this' } },
  },
  thresholds: { 'http_reqs{kind:own}': ['count==1'], 'http_reqs{everywhere:yes}': ['count==2'] },
};

export default function () {
  group('g', () => check(http.get(`${__ENV.HTTP}/get`), { ok: (r) => r.status === 200 }));
}
