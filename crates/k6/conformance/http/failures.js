// Shows connections that fail, each with its code, and that each is a request that is measured.
// compare: usual console
// varies: tag:error
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  for (const [name, url] of [
    ['refused', 'http://127.0.0.1:1/'],
    ['closed', `${__ENV.HTTP}/close`],
    ['reset', `${__ENV.HTTP}/reset`],
    ['broken off', `${__ENV.HTTP}/broken-off`],
    ['not TLS', `https://127.0.0.1:${__ENV.PORT}/get`],
    ['TLS', `http://127.0.0.1:${__ENV.TLS_PORT}/get`],
  ]) {
    const answer = http.get(url, { tags: { name } });
    console.log(name, answer.status, answer.error_code, answer.body === null, answer.error.length > 0);
  }
}
