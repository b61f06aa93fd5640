// Shows submitForm: what is sent of a form as it stands, and with fields of one's own.
// compare: exit console counts tags
// differs: console.1: a field with several values is sent once for each, as browsers do; k6 sends the one text [a c] for a list
// differs: console.2: a field with several values is sent once for each, as browsers do; k6 sends the one text [a c] for a list
// differs: console.3: a field with several values is sent once for each, as browsers do; k6 sends the one text [a c] for a list
import http from 'k6/http';

export const options = { iterations: 1 };

const sorted = (fields) => JSON.stringify(Object.fromEntries(Object.entries(fields).sort()));

export default function () {
  const page = http.get(`${__ENV.HTTP}/html/forms`);
  const search = page.submitForm();
  console.log(search.json('method'), search.json('path'), sorted(search.json('query')));
  const order = page.submitForm({ formSelector: '#order' });
  console.log(order.json('method'), order.json('path'), sorted(order.json('form')));
  const own = page.submitForm({ formSelector: '#order', fields: { name: 'Bea', size: 's', added: '1' }, params: { tags: { own: '1' } } });
  console.log(sorted(own.json('form')));
  const other = page.submitForm({ formSelector: '#order', submitSelector: '[name=draft]' });
  console.log(sorted(other.json('form')));
  const bare = page.submitForm({ formSelector: '#bare' });
  console.log(bare.request.method, bare.url.replace(__ENV.HTTP, ''));
  try {
    page.submitForm({ formSelector: '#none' });
    console.log('submitted');
  } catch (error) {
    console.log('no such form');
  }
}
