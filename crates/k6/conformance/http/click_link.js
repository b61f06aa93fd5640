// Shows clickLink: the first link, one by selector, by text, with parameters, and none.
// compare: exit console counts tags
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const page = http.get(`${__ENV.HTTP}/html`);
  console.log(page.clickLink().url.replace(__ENV.HTTP, ''));
  console.log(page.clickLink({ selector: 'a[rel=next]' }).json('query.from'));
  console.log(page.clickLink({ selector: 'a:contains("redirect")' }).json('path'));
  console.log(page.clickLink({ selector: '#shop', params: { tags: { clicked: 'yes' } } }).status);
  try {
    page.clickLink({ selector: 'a.none' });
    console.log('clicked');
  } catch (error) {
    console.log('no such link');
  }
}
