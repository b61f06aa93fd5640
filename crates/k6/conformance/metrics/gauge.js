// Shows a Gauge: last, smallest and largest.
// compare: usual values
import { Gauge } from 'k6/metrics';

const tide = new Gauge('tide');

export const options = { iterations: 4 };

export default function () {
  tide.add([2, -1, 7, 3][__ITER], { port: 'Kiel' });
}
