// Shows import.meta.resolve.
// compare: exit console
export const options = { iterations: 1 };

const url = import.meta.resolve('./with/tools.js');

export default function () {
  console.log(url.startsWith('file://'), url.endsWith('/imports/with/tools.js'));
}
