// Shows that the environment is seen in __ENV unless that is switched off.
// run: --include-system-env-vars=false --iterations 1 -e GIVEN=yes
// env: OUTSIDE=seen
// compare: exit console
export default function () {
  console.log(`${__ENV.OUTSIDE} ${__ENV.GIVEN}`);
}
