// Shows every method, and which of them take a body.
// compare: usual console
import http from 'k6/http';

export const options = { iterations: 1 };

const told = (answer) => {
  const { method, body } = answer.json();
  console.log(answer.request.method, method, body);
};

export default function () {
  told(http.get(`${__ENV.HTTP}/anything`));
  told(http.post(`${__ENV.HTTP}/anything`, 'posted'));
  told(http.put(`${__ENV.HTTP}/anything`, 'put'));
  told(http.patch(`${__ENV.HTTP}/anything`, 'patched'));
  told(http.del(`${__ENV.HTTP}/anything`, 'deleted'));
  told(http.options(`${__ENV.HTTP}/anything`, 'asked'));
  told(http.request('REPORT', `${__ENV.HTTP}/anything`, 'reported'));
  told(http.request('get', `${__ENV.HTTP}/anything`));
  const head = http.head(`${__ENV.HTTP}/anything`);
  console.log(head.status, head.body, head.headers['Content-Type']);
}
