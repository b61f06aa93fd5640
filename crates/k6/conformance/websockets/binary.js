// Shows binaryType, and bytes in several forms.
// compare: exit console metrics
import { Blob, WebSocket } from 'k6/websockets';

export const options = { iterations: 1 };

export default function () {
  const socket = new WebSocket(`${__ENV.WS}/ws/echo`);
  console.log(socket.binaryType);
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => {
    socket.send(new Uint8Array([1, 2, 3]).buffer);
    socket.send(new Uint8Array([4, 5]));
  };
  let seen = 0;
  socket.onmessage = (event) => {
    console.log(event.data instanceof ArrayBuffer, Array.from(new Uint8Array(event.data)).join(' '));
    seen += 1;
    if (seen === 2) socket.close();
  };
}
