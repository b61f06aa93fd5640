// Shows exec.vu.metrics.tags and exec.vu.tags: on everything that comes after.
// compare: exit tags console
import exec from 'k6/execution';
import http from 'k6/http';
import { check } from 'k6';

export const options = { iterations: 2 };

export default function () {
  console.log(JSON.stringify(Object.keys(exec.vu.metrics.tags).sort()), exec.vu.metrics.tags.mine);
  exec.vu.metrics.tags.mine = `iteration ${__ITER}`;
  exec.vu.metrics.tags.number = 4;
  http.get(`${__ENV.HTTP}/get`);
  check(1, { one: (it) => it === 1 });
  delete exec.vu.metrics.tags.number;
  http.get(`${__ENV.HTTP}/json`);
  try {
    exec.vu.metrics.tags.bad = { a: 1 };
    console.log('an object is taken');
  } catch (error) {
    console.log('an object is refused');
  }
}
