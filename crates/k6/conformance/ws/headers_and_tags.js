// Shows headers, cookies, tags and a subprotocol.
// compare: exit console tags
import http from 'k6/http';
import ws from 'k6/ws';

export const options = { iterations: 1, userAgent: 'tug/1' };

export default function () {
  const jar = http.cookieJar();
  jar.set(`${__ENV.HTTP}/`, 'flag', 'up');
  const params = { headers: { 'X-Own': 'yes', 'Sec-WebSocket-Protocol': 'signals, flags' }, tags: { kind: 'told', name: 'socket' }, jar };
  const answer = ws.connect(`${__ENV.WS}/ws/headers`, params, (socket) => {
    socket.on('message', (text) => {
      const headers = JSON.parse(text);
      console.log(headers['x-own'], headers['user-agent'], headers.cookie, headers['sec-websocket-protocol']);
      socket.close();
    });
  });
  console.log(answer.headers['Sec-Websocket-Protocol']);
}
