// Shows a request's tags, its name, and which tag wins.
// compare: exit tags
import http from 'k6/http';

export const options = { iterations: 1, tags: { who: 'test', only: 'test' } };

export default function () {
  http.get(`${__ENV.HTTP}/get?id=1`);
  http.get(`${__ENV.HTTP}/get?id=2`, { tags: { who: 'request', extra: '1' } });
  http.get(`${__ENV.HTTP}/get?id=3`, { tags: { name: 'by id' } });
  http.get(`${__ENV.HTTP}/get?id=4`, { tags: { url: 'hidden' } });
  http.get(`${__ENV.HTTP}/get?id=5`, { tags: { number: 5, flag: true } });
  http.get(`${__ENV.HTTP}/get?id=6`, { tags: { method: 'MINE', status: 'mine', group: 'mine' } });
}
