// Shows bytes as a body.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const bytes = new Uint8Array([0, 1, 254, 255, 128]);
  console.log(http.post(`${__ENV.HTTP}/post`, bytes.buffer).json('base64'));
  try {
    console.log(http.post(`${__ENV.HTTP}/post`, bytes).json('base64'));
  } catch (error) {
    console.log('a view is refused');
  }
}
