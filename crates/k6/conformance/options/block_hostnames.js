// Shows blockHostnames, with a star.
// compare: usual console
// varies: tag:error
import http from 'k6/http';

export const options = {
  iterations: 1,
  blockHostnames: ['forbidden.test', '*.evil.test'],
  hosts: { 'forbidden.test': '127.0.0.1', 'very.evil.test': '127.0.0.1', 'good.test': `127.0.0.1:${__ENV.PORT}` },
};

export default function () {
  for (const host of ['forbidden.test', 'very.evil.test', 'good.test']) {
    const answer = http.get(`http://${host}/get`, { tags: { name: host } });
    console.log(host, answer.status, answer.error_code);
  }
}
