// Many users, of whom the first says that all are ready: no iteration begins before that.
import http from 'k6/http';

export const options = {
  scenarios: { all: { executor: 'per-vu-iterations', vus: Number(__ENV.USERS), iterations: 1, maxDuration: '2m' } },
};

export default function () {
  if (__VU === 1) http.get(__ENV.URL);
}
