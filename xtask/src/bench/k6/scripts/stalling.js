// Arrivals at a steady rate, at a server that stalls for a second in every five.
import http from 'k6/http';

export const options = {
  scenarios: {
    arrivals: {
      executor: 'constant-arrival-rate',
      rate: 300,
      timeUnit: '1s',
      duration: `${__ENV.SECONDS}s`,
      preAllocatedVUs: 50,
      maxVUs: 50,
    },
  },
};

export default function () {
  http.get(__ENV.URL);
}
