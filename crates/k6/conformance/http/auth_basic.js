// Shows basic authentication: from the URL, by parameter, wrong, and none.
// compare: usual console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const with_user = (user) => `http://${user}@127.0.0.1:${__ENV.PORT}/basic-auth/ada/secret`;
  console.log(http.get(`${__ENV.HTTP}/basic-auth/ada/secret`).status);
  const answer = http.get(with_user('ada:secret'));
  console.log(answer.status, answer.url === `${__ENV.HTTP}/basic-auth/ada/secret`, answer.request.url.includes('secret@'));
  console.log(http.get(with_user('ada:wrong')).status);
  console.log(http.get(with_user('ada:secret'), { auth: 'basic' }).status);
}
