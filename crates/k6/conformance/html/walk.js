// Shows the ways from one selection to another.
// compare: exit console
import { parseHTML } from 'k6/html';
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const page = parseHTML(http.get(`${__ENV.HTTP}/html/shop`).body);
  const sale = page.find('.sale');
  const ids = (selection) => selection.map((index, element) => element.getAttribute ? element.getAttribute('data-id') : element.attr('data-id')).join(',');
  console.log(ids(sale.next()), ids(sale.prev()), ids(sale.siblings()), ids(sale.nextAll()), ids(sale.prevAll()));
  console.log(sale.parent().attr('id'), sale.parents('body').size(), sale.closest('div').attr('data-id'), sale.closest('.shelf').attr('id'));
  console.log(sale.children().size(), sale.children('.price').text(), page.find('#shelf').children().size());
  console.log(sale.contents().size(), page.find('tbody').children().last().text());
  console.log(page.find('td').slice(1, 3).text(), page.find('td').get().length, page.find('td').get(2).textContent());
  console.log(page.find('.item').parentsUntil('body').size(), page.find('thead').nextUntil('tfoot').size(), page.find('tbody').prevUntil('table').size());
}
