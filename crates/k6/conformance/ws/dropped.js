// Shows a connection that ends without a word.
// compare: exit console metrics
import ws from 'k6/ws';

export const options = { iterations: 1 };

export default function () {
  ws.connect(`${__ENV.WS}/ws/drop`, (socket) => {
    socket.on('open', () => socket.send('go'));
    socket.on('close', (code) => console.log(`close ${code}`));
    socket.on('error', () => console.log('error'));
  });
  console.log('after');
}
