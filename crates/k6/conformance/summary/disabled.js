// Shows that --summary-mode disabled prints none.
// run: --iterations 2 --summary-mode disabled
// compare: exit stdout
export default function () {}
