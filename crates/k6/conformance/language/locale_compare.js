// Shows the order of texts by `localeCompare`: letters, then accents, then case.
// run: --iterations 1
// compare: exit console
const words = ['é', 'e', 'E', 'É', 'ea', 'f', 'z', 'Z', 'a', 'A', 'ä', '1', '10', '2', '_', '-', ' ', 'n', 'ñ', 'o', 'ö', 'b', 'B',
  'co-op', 'coop', 'co op', 'coöp', 'CO-OP', '.', ',', '!', '$', '日', 'я', 'Я', 'α', '', 'a b', 'ab', 'a-b', 'aB', 'Ab'];

export default function () {
  console.log(['b', 'a', 'C'].sort((x, y) => x.localeCompare(y)).join());
  console.log(words.sort((x, y) => x.localeCompare(y)).join('|'));
  console.log([...' _-,;:!?.\'"()[]{}@*/\\&#%`^+<=>|~$09azAZ'].sort((x, y) => x.localeCompare(y)).join(''));
  console.log('a'.localeCompare('b'), 'b'.localeCompare('a'), 'a'.localeCompare('a'), 'a\u0308'.localeCompare('ä'));
  console.log('résumé'.localeCompare('resume'), 'résumé'.localeCompare('Resume'), 'reserve'.localeCompare('résumé'));
}
