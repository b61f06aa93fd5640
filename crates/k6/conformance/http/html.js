// Shows html() of an answer.
// compare: exit console
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const answer = http.get(`${__ENV.HTTP}/html`);
  const page = answer.html();
  console.log(page.find('h1').text(), page.find('a').size(), page.find('title').text());
  console.log(answer.html('ul.links li').size(), answer.html('#top').attr('data-berth'));
}
