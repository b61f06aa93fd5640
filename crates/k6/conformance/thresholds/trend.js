// Shows what can be asked of a Trend.
// compare: exit thresholds values
import { Trend } from 'k6/metrics';

const trend = new Trend('steps');

export const options = {
  iterations: 10,
  thresholds: {
    steps: ['avg==5.5', 'min==1', 'max==10', 'med==5.5', 'p(50)==5.5', 'p(90)<9.2', 'p(99.9)>9.9', 'p(0)==1', 'p(100)==10'],
  },
};

export default function () {
  trend.add(__ITER + 1);
}
