// Shows `throw` of a request, both ways.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1, throw: true };

export default function () {
  console.log(http.get(`${__ENV.HTTP}/close`, { throw: false }).error_code);
  try {
    http.get(`${__ENV.HTTP}/close`);
    console.log('no exception');
  } catch (error) {
    console.log('an exception', typeof error.message);
  }
  console.log(http.get(`${__ENV.HTTP}/status/500`).status);
}
