// Shows what becomes of an asynchronous handleSummary.
// compare: exit stdout
export const options = { iterations: 1 };

export default function () {}

export async function handleSummary() {
  const text = await Promise.resolve('told later');
  return { stdout: text };
}
