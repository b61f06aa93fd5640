// Shows an import of a name that is not exported.
// compare: exit counts
// says: nothing_like_it
import http from 'k6/http';
import { nothing_like_it } from './with/tools.js';

export default function () {
  http.get(`${__ENV.HTTP}/get?${nothing_like_it}`);
}
