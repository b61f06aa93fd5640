// Shows that handleSummary is given what setup returned.
// compare: exit stdout
export const options = { iterations: 1 };

export function setup() {
  return { port: 'Kiel' };
}

export default function () {}

export function handleSummary(data) {
  return { stdout: JSON.stringify(data.setup_data) };
}
