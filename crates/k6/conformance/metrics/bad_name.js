// Shows that a bad name ends the script before it begins, with exit code 107.
// compare: exit counts
import http from 'k6/http';
import { Counter } from 'k6/metrics';

const counter = new Counter('no spaces');

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
