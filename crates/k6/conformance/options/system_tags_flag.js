// Shows --system-tags: only these are set.
// run: --iterations 1 --system-tags method,status,vu,iter
// compare: usual
import http from 'k6/http';
import { check } from 'k6';

export default function () {
  check(http.get(`${__ENV.HTTP}/get`), { ok: (r) => r.status === 200 });
}
