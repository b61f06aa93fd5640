// Shows answers of many statuses, and what their bodies are.
// compare: usual console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  for (const status of [200, 201, 204, 301, 304, 400, 401, 404, 418, 429, 500, 503, 599]) {
    const answer = http.get(`${__ENV.HTTP}/status/${status}`);
    console.log(answer.status, answer.status_text, answer.error_code, JSON.stringify(answer.body), JSON.stringify(answer.error));
  }
}
