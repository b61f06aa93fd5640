// Shows a handleSummary that computes too long: it is cut, and told.
// env: K6_HANDLE_SUMMARY_TIMEOUT=500ms
// compare: exit
export const options = { iterations: 1 };

export default function () {}

export function handleSummary() {
  for (let i = 0; ; i += 1) {
    if (i < 0) return {};
  }
}
