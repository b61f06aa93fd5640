// Shows a batch in which some fail.
// compare: usual console
// varies: tag:error
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answers = http.batch([`${__ENV.HTTP}/get`, `${__ENV.HTTP}/close`, `${__ENV.HTTP}/status/500`]);
  console.log(answers.map((answer) => `${answer.status}/${answer.error_code}`).join(' '));
}
