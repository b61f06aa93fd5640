// Shows an exception in the function that fills a SharedArray.
// compare: exit counts
// says: no cargo
import { SharedArray } from 'k6/data';
import http from 'k6/http';

new SharedArray('broken', () => { throw new Error('no cargo'); });

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
