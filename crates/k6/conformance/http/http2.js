// Shows HTTP/2 over TLS: its protocol, several requests at once over one connection, no negative times.
// run: --insecure-skip-tls-verify
// compare: usual connections console
// differs: connections: requests that are under way at once do not share a connection yet, each has one; one after another they do
import http from 'k6/http';
import { check } from 'k6';

export const options = { iterations: 1 };

export default function () {
  const first = http.get(`${__ENV.HTTPS}/channel`);
  console.log(first.proto, first.json('protocol'));
  const answers = http.batch([`${__ENV.HTTPS}/delay/20`, `${__ENV.HTTPS}/json`, `${__ENV.HTTPS}/get`]);
  check(answers, {
    'all over HTTP/2': (all) => all.every((answer) => answer.proto === 'HTTP/2.0'),
    'no time is negative': (all) => all.every((answer) => Object.values(answer.timings).every((time) => time >= 0)),
  });
  const sent = http.post(`${__ENV.HTTPS}/post`, 'x'.repeat(100000));
  console.log(sent.json('length'), sent.json('protocol'));
}
