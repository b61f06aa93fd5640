// Shows that the default export may be any function.
// run: --iterations 2
// compare: usual
import { check } from 'k6';

const one = () => check(1, { 'is one': (value) => value === 1 });
export { one as default };
