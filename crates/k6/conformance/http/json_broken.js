// Shows json() of what is none: an exception that says where.
// compare: exit console metrics
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  for (const path of ['/json/broken', '/html', '/status/204']) {
    const answer = http.get(`${__ENV.HTTP}${path}`);
    try {
      console.log(path, JSON.stringify(answer.json()));
    } catch (error) {
      console.log(path, 'an exception');
    }
    try {
      console.log(path, answer.json('some.thing'));
    } catch (error) {
      console.log(path, 'an exception');
    }
  }
}
