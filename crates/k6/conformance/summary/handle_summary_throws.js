// Shows that an exception in handleSummary is told, and the usual summary shown.
// run: --iterations 2
// compare: exit summary
// says: out of ink
export default function () {}

export function handleSummary() {
  throw new Error('out of ink');
}
