// Shows that an iteration that never yields is cut too when its time is over.
// compare: exit metrics
export const options = {
  scenarios: { busy: { executor: 'constant-vus', vus: 1, duration: '1s', gracefulStop: '200ms' } },
};

export default function () {
  for (let i = 0; ; i += 1) {
    if (i < 0) return;
  }
}
