// Shows `rps`: no more requests a second in all.
// compare: exit counts stdout
import http from 'k6/http';

export const options = {
  scenarios: { fast: { executor: 'shared-iterations', vus: 4, iterations: 8 } },
  rps: 8,
};

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}

export function handleSummary(data) {
  const time = data.state.testRunDurationMs;
  return { stdout: time > 600 && time < 3000 ? 'slowed down' : `took ${time} ms` };
}
