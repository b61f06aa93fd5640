// Shows what is no URL.
// compare: exit console metrics
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  for (const url of ['not a url', 'ftp://127.0.0.1/x', 'http://', '/relative', 'http://127.0.0.1:99999/', 'http://[::1', '', undefined, null, 5]) {
    try {
      const answer = http.get(url);
      console.log(String(url), answer.status, answer.error_code);
    } catch (error) {
      console.log(String(url), 'an exception');
    }
  }
}
