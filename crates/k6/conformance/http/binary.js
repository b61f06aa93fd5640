// Shows responseType: bytes, text, nothing.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const binary = http.get(`${__ENV.HTTP}/bytes/300`, { responseType: 'binary' }).body;
  const bytes = new Uint8Array(binary);
  console.log(binary instanceof ArrayBuffer, bytes.length, bytes[0], bytes[1], bytes[299]);
  console.log(typeof http.get(`${__ENV.HTTP}/text/30`, { responseType: 'text' }).body);
  console.log(http.get(`${__ENV.HTTP}/text/30`, { responseType: 'none' }).body);
  try {
    http.get(`${__ENV.HTTP}/text/30`, { responseType: 'odd' });
    console.log('taken');
  } catch (error) {
    console.log('refused');
  }
  console.log(http.get(`${__ENV.HTTP}/text/30`).body.length);
}
