// Shows a submetric that nothing is counted in: its thresholds are not crossed.
// compare: exit thresholds
export const options = {
  iterations: 1,
  thresholds: {
    'http_req_duration{kind:never}': ['p(95)<1', 'avg>5'],
    'http_reqs{kind:never}': ['count>5'],
    'http_req_failed{kind:never}': ['rate>0.5'],
    http_req_duration: ['max<1'],
  },
};

export default function () {}
