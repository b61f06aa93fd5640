// Shows --throw: a failed request is an exception.
// run: --iterations 1 --throw
// compare: exit console metrics
import http from 'k6/http';

export default function () {
  try {
    http.get(`${__ENV.HTTP}/close`);
    console.log('no exception');
  } catch (error) {
    console.log('an exception');
  }
  http.get(`${__ENV.HTTP}/close`);
  console.log('never');
}
