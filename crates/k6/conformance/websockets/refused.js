// Shows a server that does not agree, or is not there.
// compare: exit lines metrics
import { WebSocket } from 'k6/websockets';

export const options = { iterations: 1 };

export default function () {
  for (const url of [`${__ENV.WS}/ws/refuse`, 'ws://127.0.0.1:1/']) {
    const name = url.endsWith('refuse') ? 'refused' : 'absent';
    const socket = new WebSocket(url);
    socket.onopen = () => console.log(name, 'never');
    socket.onerror = (event) => console.log(name, 'error', event.type);
    socket.onclose = () => console.log(name, 'close');
  }
}
