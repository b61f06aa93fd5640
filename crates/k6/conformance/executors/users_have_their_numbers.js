// Shows which users a scenario gets when several run at once.
// compare: exit lines
import exec from 'k6/execution';

export const options = {
  scenarios: {
    one: { executor: 'per-vu-iterations', vus: 2, iterations: 1 },
    two: { executor: 'per-vu-iterations', vus: 3, iterations: 1 },
  },
};

export default function () {
  console.log(`${exec.vu.idInTest >= 1 && exec.vu.idInTest <= 5} ${exec.instance.vusInitialized}`);
}
