// Shows a syntax error: its place, exit code 107.
// compare: exit
// says: syntax_error.js
export default function () {
  const broken = ;
}
