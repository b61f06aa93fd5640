// Shows several sockets in one iteration, side by side.
// compare: exit counts lines metrics
import { WebSocket } from 'k6/websockets';

export const options = { iterations: 1 };

export default function () {
  for (let number = 0; number < 5; number += 1) {
    const socket = new WebSocket(`${__ENV.WS}/ws/greet`);
    socket.onmessage = (event) => {
      console.log(number, event.data);
      socket.close();
    };
  }
}
