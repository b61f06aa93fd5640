// Shows open() of what is not there.
// compare: exit counts
// says: nowhere.txt
import http from 'k6/http';

const text = open('./with/nowhere.txt');

export default function () {
  http.get(`${__ENV.HTTP}/get?${text}`);
}
