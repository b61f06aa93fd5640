// Shows finding elements, and their texts and attributes.
// compare: exit console
import { parseHTML } from 'k6/html';
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const page = parseHTML(http.get(`${__ENV.HTTP}/html/shop`).body);
  const items = page.find('#shelf .item');
  console.log(items.size(), items.length, items.find('.name').text());
  console.log(items.first().find('.name').text(), items.last().attr('data-id'), items.eq(1).find('.price').text());
  console.log(items.eq(-1).attr('data-id'), items.eq(9).size(), items.attr('class'), items.attr('nothing'), items.attr('nothing', 'default'));
  console.log(page.find('.sale').is('.item'), page.find('.sale').is('.other'), page.find('.none').size(), page.find('.none').text());
  console.log(page.find('tbody td').filter(':contains("7")').size(), page.find('tr:first-child td').size());
  console.log(page.find('.item:not(.sale)').size(), page.find('td').not(':first-child').text());
  console.log(page.find('.item').has('span.price').size());
}
