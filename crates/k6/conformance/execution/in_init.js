// Shows what can be known outside of functions, in setup and in teardown.
// compare: exit lines
import exec from 'k6/execution';

export const options = { iterations: 1 };

const attempt = (get) => {
  try {
    return String(get());
  } catch (error) {
    return 'refused';
  }
};
const told = () => [
  attempt(() => exec.vu.idInTest), attempt(() => exec.vu.iterationInInstance), attempt(() => exec.vu.iterationInScenario),
  attempt(() => exec.scenario.name), attempt(() => exec.instance.vusActive), attempt(() => typeof exec.test.options),
].join(' ');
const born = told();

export function setup() {
  console.log(`setup ${told()}`);
}

export default function () {
  console.log(`init ${born}`);
}

export function teardown() {
  console.log(`teardown ${told()}`);
}
