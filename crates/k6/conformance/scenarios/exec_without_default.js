// Shows that no default function is needed when every scenario names its own.
// compare: usual
import http from 'k6/http';

export const options = { scenarios: { only: { executor: 'shared-iterations', vus: 1, iterations: 2, exec: 'only' } } };

export function only() {
  http.get(`${__ENV.HTTP}/get`);
}
