// Shows every operator, on both sides of its edge.
// compare: exit thresholds
import { Counter } from 'k6/metrics';

const ten = new Counter('ten');

export const options = {
  iterations: 1,
  thresholds: {
    ten: [
      'count>9', 'count>10', 'count>=10', 'count>=11', 'count<11', 'count<10', 'count<=10', 'count<=9',
      'count==10', 'count==9', 'count===10', 'count!=9', 'count!=10',
    ],
  },
};

export default function () {
  ten.add(10);
}
