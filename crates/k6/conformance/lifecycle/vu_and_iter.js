// Shows __VU from one and __ITER from zero.
// compare: exit lines
export const options = {
  scenarios: { each: { executor: 'per-vu-iterations', vus: 2, iterations: 3 } },
};

export default function () {
  console.log(`user ${__VU} iteration ${__ITER}`);
}
