// Shows the typed elements and what they tell.
// compare: exit console
import { parseHTML } from 'k6/html';
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const page = parseHTML(http.get(`${__ENV.HTTP}/html/shop`).body);
  const get = (selector) => page.find(selector).get(0);
  const link = get('#back');
  console.log(link.nodeName(), link.id(), link.href(), link.pathname(), link.search(), link.hash(), link.target(), link.text());
  const input = get('#count');
  console.log(input.value(), input.type(), input.required(), input.hasAttribute('max'), input.getAttribute('type'));
  const select = get('#colour');
  console.log(select.value(), select.selectedIndex(), select.length(), select.options().length, select.type());
  console.log(select.options()[0].text(), select.options()[1].selected(), get('#remark').value());
  const cell = get('td');
  console.log(cell.cellIndex(), get('tbody tr').rowIndex(), get('table').rows().length, get('table').tHead().nodeName());
  const shelf = get('#shelf');
  console.log(shelf.childElementCount(), shelf.firstElementChild().getAttribute('data-id'), shelf.lastElementChild().textContent(), shelf.className());
  console.log(shelf.hasChildNodes(), shelf.nodeType(), shelf.children().length, shelf.innerHTML().length > 50, shelf.firstElementChild().nextElementSibling().id() === '');
  console.log(JSON.stringify(Object.keys(shelf.attributes()).sort()), shelf.ownerDocument() !== null, shelf.isEqualNode(get('#shelf')));
}
