// Shows TextEncoder and TextDecoder.
// compare: exit console
export const options = { iterations: 1 };

export default function () {
  const bytes = new TextEncoder().encode('aü⚓');
  console.log(bytes.length, Array.from(bytes).join(' '));
  console.log(new TextDecoder().decode(bytes), new TextDecoder('utf-8').encoding);
}
