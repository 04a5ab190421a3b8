import { explanationOf } from './explained.js';
import { normalize, type Line } from './normalize.js';
import type { Program } from './program.js';
import type { Transcript } from './transcript.js';

/** The first place where two servers do not agree, as each of them has it; `undefined` where one has no more to say. */
export interface Difference {
  readonly step: number;
  readonly session: number;
  readonly zookeeper: string | undefined;
  readonly zerokeeper: string | undefined;
}

export interface Comparison {
  readonly difference: Difference | undefined;
  /** Names of the explained differences that were met. */
  readonly explained: readonly string[];
}

export interface Answers {
  readonly program: Program;
  readonly zookeeper: Transcript;
  readonly zerokeeper: Transcript;
}

/** Compares everything; first what each observation says by itself, because after a difference there all relations are shifted. */
export function compare({ program, zookeeper, zerokeeper }: Answers): Comparison {
  const explained = new Set<string>();
  const pairs = pair(normalize(zookeeper), normalize(zerokeeper));
  for (const { ours, theirs } of pairs) {
    if (ours?.shape === theirs?.shape) continue;
    const explanation = ours && theirs && explanationOf({ program, ours, theirs });
    if (explanation === undefined)
      return { difference: difference({ ours, theirs }), explained: [...explained] };
    explained.add(explanation.name);
    // What follows is about two different states.
    if (explanation.leadsOn) return { difference: undefined, explained: [...explained] };
  }
  const first = pairs.find(
    ({ ours, theirs }) => ours?.shape === theirs?.shape && ours?.full !== theirs?.full,
  );
  return { difference: first && difference(first), explained: [...explained] };
}

interface Pair {
  readonly ours: Line | undefined;
  readonly theirs: Line | undefined;
}

function pair(theirs: readonly Line[], ours: readonly Line[]): Pair[] {
  const length = Math.max(theirs.length, ours.length);
  return Array.from({ length }, (_, index) => ({ theirs: theirs[index], ours: ours[index] }));
}

function difference({ ours, theirs }: Pair): Difference {
  const { step = 0, session = 0 } = (ours ?? theirs)?.entry ?? {};
  const full = ours?.shape === theirs?.shape;
  const text = (line: Line | undefined) => (full ? line?.full : line?.shape);
  return { step, session, zookeeper: text(theirs), zerokeeper: text(ours) };
}
