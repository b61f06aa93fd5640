// Shows that an exception in TypeScript is placed in the source as it was written.
// run: --iterations 1
// compare: exit metrics
// says: error_place.ts:19
interface Long {
  one: string;
  two: string;
  three: string;
}

type Also = {
  four: number;
};

export default function () {
  const value: Long | undefined = undefined as unknown as Long;
  // The next line but one is the place.

  console.log((value as Long & Also).one);
}
