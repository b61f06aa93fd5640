// Shows globals that browsers have and scripts have not.
// compare: exit console
export const options = { iterations: 1 };

export default function () {
  console.log(typeof window, typeof document, typeof fetch, typeof process, typeof XMLHttpRequest);
  console.log(typeof globalThis, typeof console, typeof __ENV, typeof open, typeof require);
}
