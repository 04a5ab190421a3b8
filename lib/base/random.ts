import { randomBytes } from 'node:crypto';

/** Randomness as a parameter, so that a seed replays a run. */
export interface Random {
  /** `length` random bytes, fit for identifiers and passwords when the source is {@link systemRandom}. */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). For jitter, never for identifiers. */
  float(): number;
}

/** The machine's cryptographic source. */
export const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  float: () => Math.random(),
};

/** A repeatable source for tests and simulations (mulberry32). Never for identifiers that must not be guessed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
    float: () => next() / 2 ** 32,
  };
}
