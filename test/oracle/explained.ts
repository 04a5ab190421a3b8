import type { Line } from './normalize.js';
import type { Program } from './program.js';
import type { Observation } from './transcript.js';

/** A difference that is meant. `docs/COMPATIBILITY.md` has a heading for each, with the reason. */
export interface Explanation {
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

type Reply = Extract<Observation, { kind: 'reply' }>;

const EXPLAINED: readonly Explained[] = [
  {
    name: 'Null where a value belongs',
    leadsOn: false,
    matches: ({ theirs, ours }) => {
      const [a, b] = [replyOf(theirs), replyOf(ours)];
      if (a?.name !== 'raw' || b?.name !== 'raw') return false;
      return (a.err !== 0 && b.err !== 0) || (bytesOf(a) === 'ffffffff' && bytesOf(b) === '00000000');
    },
  },
];

export function explanationOf(found: Case): Explanation | undefined {
  return EXPLAINED.find((explained) => explained.matches(found));
}

function bytesOf({ body }: Reply): string | undefined {
  if (typeof body !== 'object' || body === null || !('bytes' in body)) return undefined;
  return typeof body.bytes === 'string' ? body.bytes : undefined;
}

function replyOf(line: Line): Reply | undefined {
  const { observation } = line.entry;
  return observation.kind === 'reply' ? observation : undefined;
}
