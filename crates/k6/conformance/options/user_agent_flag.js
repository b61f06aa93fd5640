// Shows --user-agent.
// run: --iterations 1 --user-agent tug/3
// compare: exit console
import http from 'k6/http';

export default function () {
  console.log(http.get(`${__ENV.HTTP}/user-agent`).body);
}
