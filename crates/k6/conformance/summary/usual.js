// Shows the rows of the usual summary.
// run: --iterations 2
// compare: exit summary
import http from 'k6/http';
import { check, group, sleep } from 'k6';
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';

const counter = new Counter('my_counter');
const gauge = new Gauge('my_gauge');
const rate = new Rate('my_rate');
const trend = new Trend('my_trend');

export const options = { thresholds: { my_counter: ['count>0'], 'http_req_duration{name:home}': ['p(95)<5000'] } };

export default function () {
  group('page', () => {
    check(http.get(`${__ENV.HTTP}/`, { tags: { name: 'home' } }), { 'is up': (r) => r.status === 200 });
  });
  counter.add(1);
  gauge.add(1);
  rate.add(true);
  trend.add(1);
  sleep(0.01);
}
