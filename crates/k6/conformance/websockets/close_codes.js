// Shows codes of closing, from both sides.
// compare: exit lines
import { WebSocket } from 'k6/websockets';

export const options = { iterations: 1 };

export default function () {
  const own = new WebSocket(`${__ENV.WS}/ws/echo`);
  own.onopen = () => own.close(3001, 'enough');
  own.onclose = (event) => console.log('own', event.code);
  const theirs = new WebSocket(`${__ENV.WS}/ws/close/4002`);
  theirs.onopen = () => theirs.send('go');
  theirs.onclose = (event) => console.log('theirs', event.code, event.reason);
  const counted = new WebSocket(`${__ENV.WS}/ws/count/3`);
  counted.onclose = (event) => console.log('counted', event.code);
  for (const wrong of [5, 999]) {
    try {
      const other = new WebSocket(`${__ENV.WS}/ws/echo`);
      other.onopen = () => { other.close(); };
      other.close(wrong);
      console.log(wrong, 'taken');
    } catch (error) {
      console.log(wrong, 'refused');
    }
  }
}
