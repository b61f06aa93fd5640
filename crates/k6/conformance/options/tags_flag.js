// Shows --tag, which adds to the script's tags.
// run: --iterations 1 --tag release=7 --tag place=there
// compare: usual
import http from 'k6/http';

export const options = { tags: { team: 'deck' } };

export default function () {
  http.get(`${__ENV.HTTP}/get`);
}
