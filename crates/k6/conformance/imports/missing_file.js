// Shows an import of a file that is not there.
// compare: exit counts
// says: not_there.js
import http from 'k6/http';
import { thing } from './with/not_there.js';

export default function () {
  http.get(`${__ENV.HTTP}/get?${thing}`);
}
