// Shows the WebSocket class: events, states, kinds of handlers.
// compare: usual console
import { WebSocket } from 'k6/websockets';

export const options = { iterations: 2 };

export default function () {
  const socket = new WebSocket(`${__ENV.WS}/ws/echo`, null, { tags: { kind: 'echo' } });
  console.log(socket.readyState, socket.url === `${__ENV.WS}/ws/echo`);
  socket.onopen = () => {
    console.log('open', socket.readyState);
    socket.send('first');
  };
  socket.addEventListener('message', (event) => {
    console.log(event.type, event.data, typeof event.timestamp);
    if (event.data === 'first') socket.send('second');
    else socket.close();
  });
  socket.addEventListener('close', (event) => console.log('close', event.code, socket.readyState));
}
