// Shows that options for other ways to run are passed over.
// compare: exit counts
import http from 'k6/http';

export const options = { iterations: 1, cloud: { name: 'elsewhere', projectID: 1 } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
