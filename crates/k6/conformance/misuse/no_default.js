// Shows a script without a function to run.
// compare: exit
// says: default
export const options = { iterations: 1 };
