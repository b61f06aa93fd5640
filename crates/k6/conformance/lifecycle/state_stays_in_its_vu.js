// Shows that a variable lives as long as its virtual user and is nobody else's.
// compare: exit lines
export const options = {
  scenarios: { each: { executor: 'per-vu-iterations', vus: 2, iterations: 3 } },
};

const mine = [];

export default function () {
  mine.push(__ITER);
  if (__ITER === 2) {
    console.log(`${__VU}: ${mine.join(',')}`);
  }
}
