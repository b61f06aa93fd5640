// Shows a host that is mapped to what is no address.
// compare: exit counts
import http from 'k6/http';

export const options = { iterations: 1, hosts: { 'a.test': 'not an address' } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
