// Shows open(): text, bytes, relative to the script.
// compare: exit console
import { greeting } from './with/opens.js';

const text = open('with/ships.json');
const again = open('./with/ships.json');
const bytes = open('./with/ships.json', 'b');

export const options = { iterations: 1 };

export default function () {
  console.log(text.length, text === again, JSON.parse(text)[0].name);
  console.log(bytes instanceof ArrayBuffer, bytes.byteLength, new Uint8Array(bytes)[0]);
  console.log(greeting);
}
