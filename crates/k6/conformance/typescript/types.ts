// Shows TypeScript: types, interfaces, generics and enumerations are taken away.
// compare: exit console counts
import http, { type RefinedResponse, Response } from 'k6/http';
import { Options } from 'k6/options';
import { type Ship, Colour, longest } from './with/ships.ts';

export const options: Options = { iterations: 2 };

interface Told<T> {
  readonly value: T;
  note?: string;
}

const tell = <T,>(value: T): Told<T> => ({ value });

export default function (): void {
  const ships: Ship[] = [{ name: 'Ada', length: 12 }, { name: 'Bea', length: 30 }];
  const answer = http.get(`${__ENV.HTTP}/json`) as RefinedResponse<'text'>;
  const name = answer.json('name') as unknown as string;
  console.log(longest(ships)!.name, Colour.Green, Colour[1], tell(name).value satisfies string);
}
