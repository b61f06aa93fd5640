// Shows exec.test.options: what holds after all sources are merged.
// run: --vus 2 --iterations 2 --tag from=flag
// compare: exit lines
import exec from 'k6/execution';

export const options = { vus: 9, tags: { team: 'deck' }, maxRedirects: 3, discardResponseBodies: false };

export default function () {
  const { options: merged } = exec.test;
  console.log(JSON.stringify([merged.vus, merged.maxRedirects, merged.tags, merged.discardResponseBodies]));
  console.log(JSON.stringify(merged.scenarios));
  console.log(String(merged.userAgent === null || typeof merged.userAgent));
}
