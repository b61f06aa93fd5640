// Shows that a JSON file is no module; it is read with open().
// compare: exit counts
import http from 'k6/http';
import data from './with/data.json';

export default function () {
  http.get(`${__ENV.HTTP}/get?${data.a}`);
}
