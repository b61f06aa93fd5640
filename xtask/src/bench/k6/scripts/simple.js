// One request after the other, as fast as they are answered.
import http from 'k6/http';

export default function () {
  http.get(__ENV.URL);
}
