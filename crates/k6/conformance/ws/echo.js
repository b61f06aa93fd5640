// Shows a WebSocket: opening, sending, receiving, closing, and its metrics.
// compare: usual console
import { check } from 'k6';
import ws from 'k6/ws';

export const options = { iterations: 2 };

export default function () {
  const answer = ws.connect(`${__ENV.WS}/ws/echo`, { tags: { kind: 'echo' } }, (socket) => {
    socket.on('open', () => {
      console.log('open');
      socket.send('first');
    });
    socket.on('message', (text) => {
      console.log(`message ${text}`);
      if (text === 'first') socket.send('second');
      else socket.close();
    });
    socket.on('close', (code) => console.log(`close ${code}`));
  });
  check(answer, { 'was switched': (it) => it && it.status === 101 });
  console.log(answer.url === `${__ENV.WS}/ws/echo`, answer.headers.Upgrade, answer.body, answer.error);
}
