// Shows a Counter: sums, tags, numbers in many forms.
// compare: usual values console
import { Counter } from 'k6/metrics';

const boats = new Counter('boats');

export const options = { iterations: 2 };

export default function () {
  console.log(String(boats.add(3)), boats.name);
  boats.add(0.5, { colour: 'red' });
  boats.add(true, { colour: 'green', number: 7, yes: true });
  boats.add('2');
}
