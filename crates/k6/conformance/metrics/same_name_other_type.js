// Shows that one name cannot be two types.
// compare: exit counts
// says: shared_name
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';

const one = new Counter('shared_name');
const other = new Trend('shared_name');

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
