// Shows what of setup's value survives: what JSON can say.
// compare: exit console
export const options = { iterations: 1 };

export function setup() {
  return {
    when: new Date(0),
    gone: undefined,
    none: null,
    deep: { list: [undefined, 1] },
  };
}

export default function (data) {
  console.log(JSON.stringify(data.when));
  console.log(typeof data.when, data.gone, data.none, JSON.stringify(data.deep));
}
