// Shows what happens when arguments are left out.
// run: --iterations 1
// compare: exit console
import http from 'k6/http';
import { check, group, randomSeed } from 'k6';
import { Counter } from 'k6/metrics';

const outcome = (act) => {
  try {
    return String(act());
  } catch (error) {
    return error.message.includes('arguments') ? error.message : 'threw';
  }
};

const made = outcome(() => new Counter());

export default function () {
  console.log(made, outcome(() => group()), outcome(() => group('x')), outcome(() => check()), outcome(() => check(1)));
  console.log(outcome(() => randomSeed()), outcome(() => http.get().status), outcome(() => http.request('GET').status));
}
