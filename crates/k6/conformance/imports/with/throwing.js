const fine = undefined;

// The next line is the one that is named.
export const thing = fine.field;
