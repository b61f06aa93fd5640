// Shows sockets wrapped in promises.
// compare: exit console
import { WebSocket } from 'k6/websockets';

export const options = { iterations: 1 };

const ask = (text) => new Promise((resolve, reject) => {
  const socket = new WebSocket(`${__ENV.WS}/ws/echo`);
  socket.onopen = () => socket.send(text);
  socket.onmessage = (event) => { socket.close(); resolve(event.data); };
  socket.onerror = reject;
});

export default async function () {
  console.log(await ask('one'), await ask('two'));
  console.log((await Promise.all(['a', 'b', 'c'].map(ask))).join(' '));
}
