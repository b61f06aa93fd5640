// Shows --console-output: a file instead of the terminal.
// run: --iterations 2 --console-output {SCRATCH}/said.txt
// compare: exit console files
export default function () {
  console.log('into the file');
}
