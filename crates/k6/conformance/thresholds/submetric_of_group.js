// Shows thresholds by group, check, scenario and name.
// compare: exit thresholds checks groups
import http from 'k6/http';
import { check, group } from 'k6';

export const options = {
  iterations: 2,
  thresholds: {
    'http_reqs{group:::outer::inner}': ['count==2'],
    'group_duration{group:::outer}': ['max<5000'],
    'checks{check:holds}': ['rate==1'],
    'checks{check:does not}': ['rate>0'],
    'iterations{scenario:default}': ['count==2'],
    'http_reqs{name:the page}': ['count==2'],
    'http_reqs{url:the page}': ['count==2'],
  },
};

export default function () {
  group('outer', () => {
    group('inner', () => {
      const answer = http.get(`${__ENV.HTTP}/html`, { tags: { name: 'the page' } });
      check(answer, { holds: (r) => r.status === 200, 'does not': (r) => r.status === 201 });
    });
  });
}
