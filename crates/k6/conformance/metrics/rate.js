// Shows a Rate: what counts as true.
// compare: usual values
import { Rate } from 'k6/metrics';

const ok = new Rate('ok');

export const options = { iterations: 1 };

export default function () {
  ok.add(true);
  ok.add(false);
  ok.add(1);
  ok.add(0);
  ok.add(5);
  ok.add(-1);
  ok.add('1');
  ok.add('0');
}
