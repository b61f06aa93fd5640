// Shows forms as data: serialize, serializeArray, serializeObject.
// compare: exit console
import { parseHTML } from 'k6/html';
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const page = parseHTML(http.get(`${__ENV.HTTP}/html/forms`).body);
  const order = page.find('#order');
  console.log(order.serialize());
  console.log(JSON.stringify(order.serializeArray()));
  console.log(JSON.stringify(Object.fromEntries(Object.entries(order.serializeObject()).sort())));
  const form = order.get(0);
  console.log(form.action(), form.method(), form.length(), form.elements().length, form.name(), form.enctype());
  console.log(page.find('#order [name=size][checked]').val(), page.find('#order select[multiple]').val());
}
