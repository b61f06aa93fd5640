// Shows the timings of an answer: their sum, and nothing spent on a connection that is kept.
// compare: exit checks
import http from 'k6/http';
import { check } from 'k6';

export const options = { iterations: 2 };

export default function () {
  const first = http.get(`${__ENV.HTTP}/delay/50`).timings;
  const second = http.get(`${__ENV.HTTP}/delay/50`).timings;
  const near = (one, other) => Math.abs(one - other) < 0.01;
  check(first, {
    'waiting is what the server took': (t) => t.sending + t.waiting >= 49 && t.waiting < 2000,
    'duration is sending, waiting, receiving': (t) => near(t.duration, t.sending + t.waiting + t.receiving),
    'nothing is negative': (t) => Object.values(t).every((time) => time >= 0),
    'no looking up': (t) => t.looking_up === 0,
    'no TLS': (t) => t.tls_handshaking === 0,
  });
  check(second, { 'no connecting on a kept connection': (t) => t.connecting === 0 });
  check(first, { 'connecting, or kept from the iteration before': (t) => (__ITER === 0) === (t.connecting > 0) });
}
