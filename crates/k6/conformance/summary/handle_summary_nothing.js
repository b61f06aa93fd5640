// Shows that a handleSummary that returns nothing leaves the usual summary.
// run: --iterations 2
// compare: exit summary console
export default function () {}

export function handleSummary() {
  console.log('asked');
}
