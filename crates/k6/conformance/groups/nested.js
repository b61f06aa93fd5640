// Shows groups in groups: paths, durations, what group() returns.
// compare: usual console
import http from 'k6/http';
import { check, group } from 'k6';

export const options = { iterations: 2 };

export default function () {
  const value = group('outer', () => {
    http.get(`${__ENV.HTTP}/get`);
    const inner = group('inner', () => {
      check(1, { deep: (it) => it === 1 });
      return 7;
    });
    check(1, { shallow: (it) => it === 1 });
    return inner + 1;
  });
  console.log(value);
  check(1, { top: (it) => it === 1 });
}
