// Shows an exception in a handler.
// compare: exit console metrics
import ws from 'k6/ws';

export const options = { iterations: 1 };

export default function () {
  try {
    ws.connect(`${__ENV.WS}/ws/greet`, (socket) => {
      socket.on('message', () => { throw new Error('seasick'); });
      socket.on('error', () => console.log('error'));
      socket.on('close', () => console.log('close'));
      socket.setTimeout(() => socket.close(), 1500);
    });
    console.log('no exception');
  } catch (error) {
    console.log('an exception');
  }
}
