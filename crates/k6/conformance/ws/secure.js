// Shows a WebSocket over TLS.
// run: --insecure-skip-tls-verify
// compare: exit console counts
import ws from 'k6/ws';

export const options = { iterations: 1 };

export default function () {
  const answer = ws.connect(`${__ENV.WSS}/ws/greet`, (socket) => {
    socket.on('message', (text) => { console.log(text); socket.close(); });
  });
  console.log(answer.status);
}
