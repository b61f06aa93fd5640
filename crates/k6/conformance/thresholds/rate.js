// Shows what can be asked of a Rate.
// compare: exit thresholds values
import { Rate } from 'k6/metrics';

const late = new Rate('late');

export const options = {
  iterations: 4,
  thresholds: { late: ['rate==0.25', 'rate<0.25', 'rate<=0.25'] },
};

export default function () {
  late.add(__ITER === 3);
}
