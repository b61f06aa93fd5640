// Shows how often the function that fills a SharedArray is called.
// run: --vus 4 --iterations 4
// compare: exit lines
import { SharedArray } from 'k6/data';

const list = new SharedArray('once', () => {
  console.log('filled');
  return [1, 2, 3];
});

export default function () {
  if (list.length !== 3) console.log('wrong');
}
