// Shows that a script cannot swallow an abort.
// compare: exit counts console
import exec from 'k6/execution';
import http from 'k6/http';

export const options = { iterations: 5 };

export default function () {
  try {
    exec.test.abort();
  } catch (error) {
    console.log('swallowed');
  }
  http.get(`${__ENV.HTTP}/get`);
}
