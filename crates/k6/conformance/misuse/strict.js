// Shows that modules are strict.
// compare: exit console
export const options = { iterations: 1 };

export default function () {
  try {
    undeclared = 1;
    console.log('assigned');
  } catch (error) {
    console.log(error.name);
  }
  console.log(typeof (function () { return this; }()));
}
