// Shows that a request with a tag that is no text, number or boolean is not made, and answers with 0.
// run: --iterations 1
// compare: exit console metrics counts
import http from 'k6/http';

export default function () {
  for (const a of [{ b: 1 }, [1], null, () => 1]) {
    const { status, error_code } = http.get(`${__ENV.HTTP}/tagged`, { tags: { a } });
    console.log(status, error_code);
  }
  const [answer] = http.batch([['GET', `${__ENV.HTTP}/tagged`, null, { tags: { a: {} } }]]);
  console.log(answer.status, answer.error_code);
}
