// Shows a syntax error in an imported file: its own place is named.
// compare: exit counts
// says: broken.js
import http from 'k6/http';
import { thing } from './with/broken.js';

export default function () {
  http.get(`${__ENV.HTTP}/get?${thing}`);
}
