// Shows a host that is mapped to what is no address.
// compare: exit counts
// differs: exit: said before the run; k6 sends what was meant for that host to this machine, without a word
// differs: counts: said before the run; k6 sends what was meant for that host to this machine, without a word
import http from 'k6/http';

export const options = { iterations: 1, hosts: { 'a.test': 'not an address' } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
