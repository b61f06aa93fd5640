// Shows options that the script computes.
// run: -e MANY=3
// compare: usual
import http from 'k6/http';

const scenario = (iterations) => ({ executor: 'shared-iterations', vus: 1, iterations });

export const options = { scenarios: { computed: scenario(parseInt(__ENV.MANY, 10)) } };
options.tags = { size: 'm' };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
