// Shows minIterationDuration: who is done earlier waits.
// compare: exit metrics stdout
export const options = {
  vus: 1,
  iterations: 3,
  minIterationDuration: '300ms',
  thresholds: { iteration_duration: ['max<250'] },
};

export default function () {}

export function handleSummary(data) {
  return { stdout: data.state.testRunDurationMs >= 850 ? 'slowed down' : 'not slowed down' };
}
