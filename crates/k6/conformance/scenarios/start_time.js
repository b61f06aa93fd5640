// Shows `startTime`: one scenario after another.
// compare: exit console counts
import http from 'k6/http';

export const options = {
  scenarios: {
    second: { executor: 'shared-iterations', vus: 1, iterations: 1, exec: 'second', startTime: '800ms' },
    first: { executor: 'shared-iterations', vus: 1, iterations: 1, exec: 'first' },
  },
};

export function first() {
  console.log('first');
  http.get(`${__ENV.HTTP}/get`);
}
export function second() {
  console.log('second');
  http.get(`${__ENV.HTTP}/get`);
}
