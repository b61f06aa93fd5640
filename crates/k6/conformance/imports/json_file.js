// Shows that a JSON file is no module; it is read with open().
// compare: exit counts
// differs: exit: a JSON file can be imported here, as bundlers allow; open() works as well
// differs: counts: a JSON file can be imported here, as bundlers allow; open() works as well
import http from 'k6/http';
import data from './with/data.json';

export default function () {
  http.get(`${__ENV.HTTP}/get?${data.a}`);
}
