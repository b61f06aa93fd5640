// Shows open() of a folder.
// compare: exit counts
import http from 'k6/http';

const text = open('./with');

export default function () {
  http.get(`${__ENV.HTTP}/get?${text}`);
}
