// Shows a module of k6's that does not exist.
// compare: exit counts
// says: k6/harbour
import harbour from 'k6/harbour';
import http from 'k6/http';

export default function () {
  http.get(`${__ENV.HTTP}/get?${harbour}`);
}
