// Shows text(), html(), val() and data().
// compare: exit console
import { parseHTML } from 'k6/html';
import http from 'k6/http';

export const options = { iterations: 1 };

export default function () {
  const page = parseHTML(http.get(`${__ENV.HTTP}/html/shop`).body);
  console.log(page.find('.name').last().text(), page.find('.name').last().html());
  console.log(page.find('#count').val(), page.find('#colour').val(), page.find('#remark').val());
  console.log(page.find('.item').html());
  const index = parseHTML(http.get(`${__ENV.HTTP}/html`).body);
  const title = index.find('#top');
  console.log(JSON.stringify(title.data('berth')), JSON.stringify(title.data('crew')), JSON.stringify(title.data()), title.data('none'));
  console.log(index.find('p').text());
  console.log(JSON.stringify(parseHTML('<b>loose</b> ends').find('b').text()), parseHTML('').find('body').size());
}
