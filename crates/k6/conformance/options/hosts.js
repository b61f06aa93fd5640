// Shows `hosts`: names that lead to an address, with and without a port, and with a star.
// run: -e HARBOUR=port
// compare: exit checks console
// varies: counts
import http from 'k6/http';
import { check } from 'k6';

export const options = {
  iterations: 1,
  hosts: {
    'harbour.test': '127.0.0.1',
    'pier.test:80': `127.0.0.1:${__ENV.PORT}`,
    '*.docks.test': `127.0.0.1:${__ENV.PORT}`,
  },
};

export default function () {
  const ask = (url) => http.get(url).json('headers.host');
  console.log(ask(`http://harbour.test:${__ENV.PORT}/get`).split(':')[0]);
  console.log(ask('http://pier.test/get'));
  console.log(ask('http://east.docks.test/get'));
  check(http.get('http://pier.test/get'), { 'its address is the mapped one': (r) => r.remote_ip === '127.0.0.1' });
}
