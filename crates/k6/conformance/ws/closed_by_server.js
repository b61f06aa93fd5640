// Shows a close that comes from the other side, with a code.
// compare: exit console metrics
import ws from 'k6/ws';

export const options = { iterations: 1 };

export default function () {
  for (const code of [1000, 1001, 4000]) {
    ws.connect(`${__ENV.WS}/ws/close/${code}`, (socket) => {
      socket.on('open', () => socket.send('close, please'));
      socket.on('close', (given) => console.log(code, given));
      socket.on('error', () => console.log('error'));
    });
  }
}
