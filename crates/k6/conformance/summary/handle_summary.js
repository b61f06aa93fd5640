// Shows handleSummary: what goes to stdout and to files.
// run: --iterations 2
// compare: exit stdout files
export default function () {}

export function handleSummary(data) {
  const iterations = data.metrics.iterations.values.count;
  return {
    stdout: `iterations: ${iterations}\n`,
    'summary.json': JSON.stringify({ iterations, type: data.metrics.iterations.type }),
    'plain.txt': 'text',
  };
}
