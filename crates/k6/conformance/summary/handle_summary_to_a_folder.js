// Shows a file below a folder that is not there.
// compare: exit files
export const options = { iterations: 1 };

export default function () {}

export function handleSummary() {
  return { 'nowhere/summary.txt': 'text', 'here.txt': 'text' };
}
