// Shows headers that are sent: given, by default, and replaced.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const headers = (params) => http.get(`${__ENV.HTTP}/headers`, params).json();
  console.log(Object.keys(headers()).sort().join(' '));
  const given = headers({ headers: { 'X-Number': 5, 'x-lower': 'kept', 'X-Empty': '', Host: 'elsewhere.test' } });
  console.log(JSON.stringify([given['x-number'], given['x-lower'], given['x-empty'], given.host]));
  const post = http.post(`${__ENV.HTTP}/anything`, 'abc', { headers: { 'Content-Length': '2', Accept: 'a/b' } }).json('headers');
  console.log(post['content-length'], post.accept);
}
