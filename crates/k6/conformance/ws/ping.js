// Shows a ping and its answer, both ways.
// compare: exit console metrics
import ws from 'k6/ws';

export const options = { iterations: 1 };

export default function () {
  ws.connect(`${__ENV.WS}/ws/echo`, (socket) => {
    socket.on('open', () => socket.ping());
    socket.on('pong', () => { console.log('pong'); socket.close(); });
  });
  ws.connect(`${__ENV.WS}/ws/ping`, (socket) => {
    socket.on('ping', () => console.log('pinged'));
    socket.on('message', (text) => { console.log(text); socket.close(); });
  });
}
