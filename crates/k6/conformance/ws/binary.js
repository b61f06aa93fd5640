// Shows bytes over a WebSocket.
// compare: exit console metrics
import ws from 'k6/ws';

export const options = { iterations: 1 };

export default function () {
  ws.connect(`${__ENV.WS}/ws/echo`, (socket) => {
    socket.on('open', () => socket.sendBinary(new Uint8Array([0, 1, 255]).buffer));
    socket.on('binaryMessage', (bytes) => {
      console.log(bytes instanceof ArrayBuffer, Array.from(new Uint8Array(bytes)).join(' '));
      socket.close(1000);
    });
    socket.on('message', () => console.log('never'));
  });
}
