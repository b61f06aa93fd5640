// Shows that nothing can be requested outside of functions.
// compare: exit counts
import http from 'k6/http';

http.get(`${__ENV.HTTP}/get`);

export default function () {}
