// Shows setTimeout and setInterval of a socket.
// compare: exit console metrics
import ws from 'k6/ws';

export const options = { iterations: 1 };

export default function () {
  let sent = 0;
  ws.connect(`${__ENV.WS}/ws/echo`, (socket) => {
    socket.on('open', () => {
      socket.setInterval(() => { sent += 1; if (sent <= 3) socket.send(`number ${sent}`); }, 30);
      socket.setTimeout(() => { console.log('time is over'); socket.close(); }, 250);
    });
    socket.on('message', (text) => console.log(text));
  });
}
