// Shows markup that is not well formed.
// compare: exit console
import { parseHTML } from 'k6/html';

export const options = { iterations: 1 };

export default function () {
  const page = parseHTML('<ul><li>one<li>two<p>three</ul><table><tr><td>a<td>b</table><a href=x>link<b>bold</a>after');
  console.log(page.find('li').size(), page.find('li').last().text(), page.find('td').size(), page.find('a').text());
  try {
    console.log(page.find('li[').size());
  } catch (error) {
    console.log('refused');
  }
}
