// One user computes for 200 ms at a time; ten others make requests, whose times it must not distort
// unseen.
import http from 'k6/http';
import { sleep } from 'k6';
import { Trend } from 'k6/metrics';

const light = new Trend('light_duration', true);

export const options = {
  scenarios: {
    light: { executor: 'constant-vus', vus: 10, duration: `${__ENV.SECONDS}s`, exec: 'lightly' },
  },
};

if (__ENV.HEAVY) {
  options.scenarios.heavy = { executor: 'constant-vus', vus: 1, duration: `${__ENV.SECONDS}s`, exec: 'heavy' };
}

export function heavy() {
  const end = Date.now() + 200;
  let sum = 0;
  while (Date.now() < end) for (let i = 0; i < 1000; i += 1) sum += Math.sqrt(i);
  sleep(0.05);
  return sum;
}

export function lightly() {
  light.add(http.get(__ENV.URL).timings.duration);
  sleep(0.01);
}
