// Shows a default export that is no function.
// compare: exit
// says: default
export default { iterations: 1 };
