// About what teams write: three requests, groups, checks, tags, headers, JSON both ways, metrics of
// their own. With WAIT it sleeps after each iteration.
import http from 'k6/http';
import { check, group, sleep } from 'k6';
import { Counter, Rate, Trend } from 'k6/metrics';

const orders = new Counter('orders');
const orderTime = new Trend('order_time', true);
const refused = new Rate('refused');

export const options = {
  thresholds: {
    http_req_failed: ['rate<0.01'],
    'http_req_duration{part:catalogue}': ['p(95)<2000'],
    checks: ['rate>0.99'],
  },
};

const headers = { 'Content-Type': 'application/json', Accept: 'application/json', 'X-Client': 'bench' };
const wait = Number(__ENV.WAIT || 0);

function listItems() {
  const answer = http.get(`${__ENV.URL}items`, { headers, tags: { part: 'catalogue', name: 'list' } });
  const ok = check(answer, {
    'list: status is 200': (r) => r.status === 200,
    'list: is JSON': (r) => r.headers['Content-Type'].includes('json'),
    'list: has items': (r) => r.json('items.#') > 0,
  });
  return ok ? JSON.parse(answer.body).items : [];
}

function showItem(id) {
  const answer = http.get(`${__ENV.URL}item?id=${id}`, { headers, tags: { part: 'catalogue', name: 'item' } });
  const item = answer.json();
  check(answer, {
    'item: status is 200': (r) => r.status === 200,
    'item: has a price': () => item.price > 0,
    'item: has a name': () => item.name.length > 0,
  });
  return item;
}

function order(item, quantity) {
  const body = JSON.stringify({
    item: item.id,
    quantity,
    customer: { id: `${__VU}-${__ITER}`, name: `customer ${__VU}` },
    total: Math.round(item.price * quantity * 100) / 100,
  });
  const answer = http.post(`${__ENV.URL}order`, body, { headers, tags: { part: 'order', name: 'order' } });
  orderTime.add(answer.timings.duration, { quantity: String(quantity) });
  refused.add(answer.status !== 200);
  orders.add(1);
  check(answer, {
    'order: status is 200': (r) => r.status === 200,
    'order: is accepted': (r) => r.json('accepted') === true,
  });
}

export default function () {
  let item;
  group('browse', () => {
    const items = listItems();
    item = showItem(items[__ITER % items.length].id);
  });
  group('buy', () => order(item, (__ITER % 3) + 1));
  if (wait > 0) sleep(wait);
}
