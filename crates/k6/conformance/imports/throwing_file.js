// Shows an exception in an imported file: its own place is named.
// compare: exit counts
// says: throwing.js:4
import http from 'k6/http';
import { thing } from './with/throwing.js';

export default function () {
  http.get(`${__ENV.HTTP}/get?${thing}`);
}
