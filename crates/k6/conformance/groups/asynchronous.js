// Shows that what a callback does after its group has ended has that group's tag no more.
// compare: exit tags console
import http from 'k6/http';
import { group } from 'k6';

export const options = { iterations: 1 };

export default function () {
  group('g', () => {
    http.asyncRequest('GET', `${__ENV.HTTP}/get`).then(() => {
      http.get(`${__ENV.HTTP}/json`);
    });
  });
}
