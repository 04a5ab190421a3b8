import { seededRandom, type Random } from '../../lib/base/random.js';

/** Choices by seed. */
export class Choose {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** Whether something happens that happens this often. */
  chance(share: number): boolean {
    return this.#random.float() < share;
  }

  /** An integer from `least` to `most`, both included. */
  integer(least: number, most: number): number {
    return least + Math.floor(this.#random.float() * (most - least + 1));
  }

  one<T>(from: readonly T[]): T {
    if (from.length === 0) throw new RangeError('nothing to choose from');
    return from[this.integer(0, from.length - 1)] as T;
  }

  /** Between `least` and `most` of them, repetitions included. */
  some<T>(from: readonly T[], bounds: { readonly least: number; readonly most: number }): T[] {
    const count = this.integer(bounds.least, bounds.most);
    return Array.from({ length: count }, () => this.one(from));
  }

  /** One key by its weight. */
  weighted<Key extends string>(weights: Readonly<Record<Key, number>>): Key {
    const entries = Object.entries(weights) as [Key, number][];
    const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
    let left = this.#random.float() * total;
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    return this.one(entries)[0];
  }
}
