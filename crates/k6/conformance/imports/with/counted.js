let count = 0;
count += 1;
export const loads = () => count;
