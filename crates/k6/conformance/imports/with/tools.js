export const LIMIT = 21;
export function greet(name) {
  return `ahoy ${name}`;
}
export default (number) => number * 2;
