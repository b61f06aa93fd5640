// Shows that what setup measured counts.
// compare: exit thresholds counts
import http from 'k6/http';

export const options = { iterations: 1, thresholds: { http_reqs: ['count==2'], 'http_reqs{group:::setup}': ['count==1'] } };

export function setup() {
  http.get(`${__ENV.HTTP}/get`);
}

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
