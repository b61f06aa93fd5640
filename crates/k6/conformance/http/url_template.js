// Shows the fields of a templated URL.
// run: --iterations 1
// compare: exit console
import http from 'k6/http';

const shown = ({ name, url, clean_url: clean }) => [name, url, clean].join(' | ');

export default function () {
  console.log(shown(http.url`http://127.0.0.1/${1}/x`));
  console.log(shown(http.url`http://u:p@127.0.0.1/${1}/x`));
  console.log(shown(http.url`http://u@127.0.0.1/x@y`));
}
