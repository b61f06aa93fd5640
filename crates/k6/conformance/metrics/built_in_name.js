// Shows a script's metric with the name of a built-in one.
// compare: exit console metrics
import { Counter, Trend } from 'k6/metrics';

const outcomes = [];
for (const [name, make] of [['http_reqs', () => new Counter('http_reqs')], ['http_req_duration', () => new Trend('http_req_duration')]]) {
  try {
    make();
    outcomes.push(`${name} taken`);
  } catch (error) {
    outcomes.push(`${name} refused`);
  }
}

export const options = { iterations: 1 };

export default function () {
  console.log(outcomes.join(', '));
}
