import type { Line } from './normalize.js';
import type { Program } from './program.js';

/** A difference that is meant. `docs/COMPATIBILITY.md` lists each under its name, with the reason. */
export interface Explanation {
  /** The heading in docs/COMPATIBILITY.md. */
  readonly name: string;
  /** Whether the two servers' trees differ from then on, so that the rest of the program proves nothing. */
  readonly leadsOn: boolean;
}

interface Case {
  readonly program: Program;
  readonly theirs: Line;
  readonly ours: Line;
}

interface Explained extends Explanation {
  matches(found: Case): boolean;
}

export const EXPLAINED: readonly Explained[] = [];

export function explanationOf(found: Case): Explanation | undefined {
  return EXPLAINED.find((explained) => explained.matches(found));
}
