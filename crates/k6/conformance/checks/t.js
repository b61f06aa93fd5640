// compare: exit counts metrics values checks groups thresholds tags console summary
// run: -i 2
import { check } from 'k6';
import http from 'k6/http';
export default function () { check(http.get(`${__ENV.HTTP}/get`), { ok: (r) => r.status === 200 }); console.log('hi'); }
