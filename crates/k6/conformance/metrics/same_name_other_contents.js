// Shows that one name cannot be times and numbers.
// compare: exit counts
import http from 'k6/http';
import { Trend } from 'k6/metrics';

const one = new Trend('shared_name', true);
const other = new Trend('shared_name');

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
