// Shows messages that come in a row, and then the end.
// compare: exit console metrics
import ws from 'k6/ws';

export const options = { iterations: 1 };

export default function () {
  const seen = [];
  ws.connect(`${__ENV.WS}/ws/count/20`, (socket) => {
    socket.on('message', (text) => seen.push(text));
    socket.on('close', () => console.log('closed'));
  });
  console.log(seen.join(' '));
}
