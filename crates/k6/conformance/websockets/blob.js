// Shows Blob, made by the script and as bytes arrive.
// compare: exit lines
import { Blob, WebSocket } from 'k6/websockets';

export const options = { iterations: 1 };

export default async function () {
  const blob = new Blob(['hal', 'lo'], { type: 'text/plain' });
  console.log(blob.size, blob.type, await blob.text(), await blob.slice(1, 3).text());
  console.log((await blob.arrayBuffer()).byteLength);
  const socket = new WebSocket(`${__ENV.WS}/ws/binary/5`);
  socket.binaryType = 'blob';
  const end = setTimeout(() => { console.log('nothing came'); socket.close(); }, 2000);
  socket.onmessage = (event) => {
    console.log(event.data.size);
    event.data.arrayBuffer().then((bytes) => {
      console.log(Array.from(new Uint8Array(bytes)).join(' '));
      clearTimeout(end);
      socket.close();
    });
  };
}
