// Shows walking over a selection.
// compare: exit console
import { parseHTML } from 'k6/html';
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const page = parseHTML(http.get(`${__ENV.HTTP}/html/shop`).body);
  page.find('.item').each((index, element) => {
    console.log(index, element.nodeName(), element.getAttribute('data-id'), element.classList().join('.'));
    if (index === 1) return false;
  });
  console.log(page.find('.name').map((index, element) => `${index}:${element.text ? element.text() : element.textContent()}`).join(' '));
  const list = page.find('.price').toArray();
  console.log(Array.isArray(list), list.length, list[1].text());
}
