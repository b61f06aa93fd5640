// Shows __ENV: the environment, and -e above it.
// run: --iterations 1 -e OTHER=flag -e EMPTY=
// env: OUTSIDE=seen
// env: OTHER=environment
// compare: exit console
export default function () {
  console.log(`${__ENV.OUTSIDE} ${__ENV.OTHER} [${__ENV.EMPTY}] ${__ENV.NOWHERE}`);
  __ENV.ADDED = 'by the script';
  console.log(__ENV.ADDED);
}
