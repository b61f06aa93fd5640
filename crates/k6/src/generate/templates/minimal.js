import http from 'k6/http';
import { sleep } from 'k6';

// Run it with `seaworthy run -e BASE_URL=https://your.service script.js`.
const BASE_URL = __ENV.BASE_URL || 'http://127.0.0.1:8080';

export const options = {
  vus: 10,
  duration: '30s',
};

// What a virtual user does, again and again.
export default function () {
  http.get(`${BASE_URL}/`);
  sleep(1);
}
