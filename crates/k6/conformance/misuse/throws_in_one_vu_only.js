// Shows an exception outside of functions that only some users meet.
// run: --vus 3 --iterations 3
// compare: exit counts
import http from 'k6/http';

if (__VU === 2) {
  throw new Error('the second is sick');
}

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
