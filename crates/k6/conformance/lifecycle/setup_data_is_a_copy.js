// Shows that a user may change its copy of setup's value without the others, or teardown, seeing it.
// compare: exit lines
export const options = {
  scenarios: { each: { executor: 'per-vu-iterations', vus: 2, iterations: 2 } },
};

export function setup() {
  return { count: 0 };
}

export default function (data) {
  data.count += 1;
  console.log(`user ${__VU} sees ${data.count}`);
}

export function teardown(data) {
  console.log(`teardown sees ${data.count}`);
}
