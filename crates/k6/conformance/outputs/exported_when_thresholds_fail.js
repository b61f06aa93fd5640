// Shows that the summary is exported when thresholds fail.
// run: --iterations 2
// compare: exit thresholds values
import { Counter } from 'k6/metrics';

const ships = new Counter('ships');

export const options = { thresholds: { ships: ['count>100'] } };

export default function () {
  ships.add(1);
}
