// Shows sending before the socket is open, and after it is closed.
// compare: exit console
import { WebSocket } from 'k6/websockets';

export const options = { iterations: 1 };

export default function () {
  const socket = new WebSocket(`${__ENV.WS}/ws/echo`);
  try {
    socket.send('too early');
    console.log('sent');
  } catch (error) {
    console.log(error.name);
  }
  socket.onopen = () => socket.close();
  socket.onclose = () => {
    try {
      socket.send('too late');
      console.log('sent');
    } catch (error) {
      console.log(error.name);
    }
  };
}
