// Shows `inspect`: the script's options as JSON.
// command: inspect
// compare: exit json
export const options = {
  vus: 2,
  duration: '3s',
  thresholds: { http_req_duration: ['p(95)<500', { threshold: 'max<900', abortOnFail: true, delayAbortEval: '1s' }] },
  tags: { a: 'b' },
  hosts: { 'x.test': '127.0.0.1' },
};

export default function () {}
