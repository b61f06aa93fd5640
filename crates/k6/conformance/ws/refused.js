// Shows a server that does not agree.
// compare: exit console metrics
import ws from 'k6/ws';

export const options = { iterations: 1 };

export default function () {
  try {
    const answer = ws.connect(`${__ENV.WS}/ws/refuse`, (socket) => {
      socket.on('open', () => console.log('never'));
      socket.on('error', () => console.log('error'));
    });
    console.log(answer ? answer.status : 'nothing');
  } catch (error) {
    console.log('an exception');
  }
  try {
    ws.connect('ws://127.0.0.1:1/', () => console.log('never'));
    console.log('no exception');
  } catch (error) {
    console.log('an exception');
  }
}
