// Shows that what modules throw is an Error with a message.
// compare: exit console
import encoding from 'k6/encoding';
import exec from 'k6/execution';
import { fail, group } from 'k6';

export const options = { iterations: 1 };

export default function () {
  for (const attempt of [() => encoding.b64decode('@@@'), () => group('a::b', () => 1), () => fail('on purpose'), () => exec.scenario.nothing.more]) {
    try {
      attempt();
    } catch (error) {
      console.log(typeof error, error instanceof Error, typeof (error.message || error));
    }
  }
}
