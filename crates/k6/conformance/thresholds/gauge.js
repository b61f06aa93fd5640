// Shows what can be asked of a Gauge: its last value.
// compare: exit thresholds values
import { Gauge } from 'k6/metrics';

const tide = new Gauge('tide');

export const options = {
  iterations: 3,
  thresholds: { tide: ['value==1', 'value<3'] },
};

export default function () {
  tide.add([3, 9, 1][__ITER]);
}
