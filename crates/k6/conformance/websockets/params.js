// Shows headers, subprotocols, cookies and tags.
// compare: exit console tags
import http from 'k6/http';
import { WebSocket } from 'k6/websockets';

export const options = { iterations: 1 };

export default function () {
  const jar = new http.CookieJar();
  jar.set(`${__ENV.HTTP}/`, 'flag', 'up');
  const socket = new WebSocket(`${__ENV.WS}/ws/headers`, ['signals', 'flags'], {
    headers: { 'X-Own': 'yes', 'User-Agent': 'tug/2' }, tags: { kind: 'told', name: 'socket' }, jar,
  });
  socket.onopen = () => console.log(socket.protocol);
  socket.onmessage = (event) => {
    const headers = JSON.parse(event.data);
    console.log(headers['x-own'], headers['user-agent'], headers.cookie, headers['sec-websocket-protocol']);
    socket.close();
  };
}
