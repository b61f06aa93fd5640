// Shows what handleSummary is given.
// run: --iterations 3
// compare: exit stdout
import http from 'k6/http';
import { check, group } from 'k6';
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';

const counter = new Counter('a_counter');
const gauge = new Gauge('a_gauge');
const rate = new Rate('a_rate');
const trend = new Trend('a_trend', true);

export const options = {
  thresholds: {
    a_counter: ['count>=3', 'count>1000'],
    'a_trend{kind:x}': [{ threshold: 'max<10', abortOnFail: false }],
  },
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(99.9)', 'count'],
};

export default function () {
  counter.add(1);
  gauge.add(__ITER);
  rate.add(__ITER > 0);
  trend.add(__ITER + 1, { kind: 'x' });
  group('outer', () => group('inner', () => check(1, { deep: (it) => it === 1 })));
  check(1, { top: (it) => it === 2 });
  http.get(`${__ENV.HTTP}/get`);
}

export function handleSummary(data) {
  const sorted = (value) => {
    if (Array.isArray(value)) return value.map(sorted);
    if (!value || typeof value !== 'object') return value;
    return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
  };
  const own = Object.keys(data.metrics).filter((name) => name.startsWith('a_')).sort();
  const lines = [
    Object.keys(data).sort().join(' '),
    Object.keys(data.metrics).filter((name) => !name.startsWith('a_')).sort().join(' '),
    JSON.stringify(sorted(data.options)),
    Object.keys(data.state).sort().join(' '),
    typeof data.state.testRunDurationMs,
    JSON.stringify(sorted(data.root_group)),
    JSON.stringify(Object.keys(data.metrics.http_req_duration.values).sort()),
    data.metrics.http_req_duration.contains,
  ];
  for (const name of own) {
    delete data.metrics[name].values.rate;
    lines.push(`${name} ${JSON.stringify(sorted(data.metrics[name]))}`);
  }
  return { stdout: lines.join('\n') };
}
