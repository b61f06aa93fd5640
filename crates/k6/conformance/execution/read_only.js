// Shows that what the module tells cannot be changed.
// compare: exit console
import exec from 'k6/execution';

export const options = { iterations: 1 };

export default function () {
  for (const change of [
    () => { exec.vu.idInTest = 99; return exec.vu.idInTest; },
    () => { exec.scenario.name = 'other'; return exec.scenario.name; },
    () => { exec.test.options.vus = 50; return exec.test.options.vus; },
  ]) {
    try {
      console.log(String(change()));
    } catch (error) {
      console.log(error.name);
    }
  }
}
