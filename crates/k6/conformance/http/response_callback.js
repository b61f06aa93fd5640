// Shows setResponseCallback, expectedStatuses and responseCallback: what counts as failed.
// compare: usual
import http from 'k6/http';

export const options = { iterations: 1 };

http.setResponseCallback(http.expectedStatuses(200, 404, { min: 500, max: 599 }));

export default function () {
  http.get(`${__ENV.HTTP}/status/200`);
  http.get(`${__ENV.HTTP}/status/201`);
  http.get(`${__ENV.HTTP}/status/404`);
  http.get(`${__ENV.HTTP}/status/503`);
  http.get(`${__ENV.HTTP}/status/404`, { responseCallback: http.expectedStatuses({ min: 200, max: 399 }), tags: { own: '1' } });
  http.get(`${__ENV.HTTP}/status/500`, { responseCallback: null, tags: { own: '2' } });
}
