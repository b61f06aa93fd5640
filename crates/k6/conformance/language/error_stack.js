// Shows that an error's stack begins with what the error says, by now.
// run: --iterations 1
// compare: exit console
class Own extends Error {
  constructor(message) {
    super(message);
    this.name = 'Own';
  }
}

const head = (error) => error.stack.split('\n')[0];

export default function () {
  const changed = new Error('was');
  changed.message = 'is';
  console.log(head(new Error('msg')), head(new TypeError('wrong')), head(new Error()), head(new Own('x')), head(changed));
  console.log(new Error('two\nlines').stack.split('\n').slice(0, 2).join('|'));
}
