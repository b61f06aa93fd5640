// Shows `userAgent`, and that a header stands above it.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1, userAgent: 'pilot-boat/1' };

export default function () {
  console.log(http.get(`${__ENV.HTTP}/user-agent`).body);
  console.log(http.get(`${__ENV.HTTP}/user-agent`, { headers: { 'User-Agent': 'own/2' } }).body);
}
