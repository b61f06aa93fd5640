export type Ship = { name: string; length: number };

export enum Colour {
  Red,
  Green,
}

export function longest(ships: Ship[]): Ship | undefined {
  return [...ships].sort((one: Ship, other: Ship): number => other.length - one.length)[0];
}
