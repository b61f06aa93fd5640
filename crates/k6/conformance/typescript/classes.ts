// Shows TypeScript's classes: parameter properties, access, abstract ones, static ones.
// compare: exit console
export const options = { iterations: 1 };

abstract class Vessel {
  private static count = 0;

  constructor(public readonly name: string, protected size: number = 3) {
    Vessel.count += 1;
  }

  abstract sound(): string;

  static built(): number {
    return Vessel.count;
  }
}

class Tug extends Vessel {
  override sound(): string {
    return `${this.name} ${this.size} toot`;
  }
}

export default function () {
  const tug: Vessel = new Tug('Ada');
  console.log(tug.sound(), Vessel.built());
}
