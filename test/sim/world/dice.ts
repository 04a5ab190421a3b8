import { seededRandom, type Random } from '../../../lib/base/random.js';

/** Chance by seed, in the forms that the simulation needs. Each part of the world has one of its own. */
export class Dice {
  readonly random: Random;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    // The first numbers of neighbouring seeds are alike.
    for (let skipped = 0; skipped < 4; skipped++) this.random.float();
  }

  /** Another source that depends on nothing but this one's next number. */
  fork(): Dice {
    return new Dice(Math.floor(this.random.float() * 2 ** 32));
  }

  chance(probability: number): boolean {
    return this.random.float() < probability;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.random.float() * (high - low + 1));
  }

  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.random.float() * values.length)]!;
  }

  /** One of the names, each as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const entries = Object.entries(weights) as [Name, number][];
    let left = this.random.float() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) if ((left -= weight) < 0) return name;
    return entries[0]![0];
  }
}
