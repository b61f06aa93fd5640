// Shows that nothing can be added outside of functions.
// compare: exit counts
import http from 'k6/http';
import { Counter } from 'k6/metrics';

const early = new Counter('early');
early.add(1);

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
