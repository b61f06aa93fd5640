// Shows thresholds on a part of a metric, chosen by tags.
// compare: usual
import http from 'k6/http';

export const options = {
  iterations: 2,
  thresholds: {
    'http_reqs{kind:page}': ['count==2'],
    'http_reqs{kind:page,part:head}': ['count==0', 'count<1'],
    'http_reqs{ kind : data }': ['count==4'],
    'http_req_failed{kind:data}': ['rate<0.4', 'rate<=0.5'],
    'http_reqs{status:404}': ['count==2'],
  },
};

export default function () {
  http.get(`${__ENV.HTTP}/html`, { tags: { kind: 'page' } });
  http.get(`${__ENV.HTTP}/json`, { tags: { kind: 'data' } });
  http.get(`${__ENV.HTTP}/nowhere`, { tags: { kind: 'data' } });
}
