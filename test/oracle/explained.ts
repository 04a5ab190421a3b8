import type { Line } from './normalize.js';
import { ErrorCode } from '../../lib/core/errors.js';
import type { AnyCall, Program } from './program.js';
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
  { name: 'A right that is still the old one for a moment', leadsOn: true, matches: isBehindSetAcl },
  {
    name: 'A hard quota within one multi',
    leadsOn: true,
    matches: ({ theirs, ours }) => {
      const [a, b] = [codesOf(theirs), codesOf(ours)];
      if (a === undefined || a.length < 2 || a.length !== b?.length) return false;
      // The first operation meets the same figures in both.
      const [first, second] = [a, b].map((codes) => codes.indexOf(ErrorCode.QuotaExceeded));
      return first !== second && first !== 0 && second !== 0;
    },
  },
];

/** Whose right is asked for at the parent, and whose at the znode itself. */
const AT_PARENT: ReadonlySet<string> = new Set([
  'create',
  'create2',
  'createContainer',
  'createTtl',
  'delete',
]);
const AT_ZNODE: ReadonlySet<string> = new Set(['setData', 'setAcl', 'check']);

/** A write whose right was given or taken by a setAcl that was sent right before it, in the same step. */
function isBehindSetAcl({ program, theirs, ours }: Case): boolean {
  const [a, b] = [replyOf(theirs), replyOf(ours)];
  if (a === undefined || a.name !== b?.name) return false;
  if (isNoAuth(theirs) === isNoAuth(ours)) return false;
  const step = program.steps[ours.entry.step];
  if (step?.kind !== 'send') return false;
  return step.calls.some((call, index) => {
    const asked = call.name === a.name ? askedBy(call) : [];
    return step.calls
      .slice(0, index)
      .some((before) => before.name === 'setAcl' && asked.includes(before.body.path));
  });
}

/** Whether a reply, or one of a multi's, says NoAuth. */
function isNoAuth(line: Line): boolean {
  return replyOf(line)?.err === ErrorCode.NoAuth || codesOf(line)?.includes(ErrorCode.NoAuth) === true;
}

/** The znodes whose lists say whether a write may be done. */
function askedBy(call: AnyCall): string[] {
  if (call.name === 'multi')
    return call.body.operations.flatMap(({ name, request }) => askedAt(name, request.path));
  if (call.name === 'raw' || !('path' in call.body) || typeof call.body.path !== 'string') return [];
  return askedAt(call.name, call.body.path);
}

function askedAt(name: string, path: string): string[] {
  if (AT_ZNODE.has(name)) return [path];
  return AT_PARENT.has(name) ? [path.slice(0, path.lastIndexOf('/'))] : [];
}

export function explanationOf(found: Case): Explanation | undefined {
  return EXPLAINED.find((explained) => explained.matches(found));
}

function bytesOf({ body }: Reply): string | undefined {
  if (typeof body !== 'object' || body === null || !('bytes' in body)) return undefined;
  return typeof body.bytes === 'string' ? body.bytes : undefined;
}

/** The codes of a multi's operations; `undefined` for any other reply. */
function codesOf(line: Line): readonly number[] | undefined {
  const reply = replyOf(line);
  if (reply?.name !== 'multi' || reply.err !== 0) return undefined;
  const { results } = reply.body as { readonly results: readonly { readonly err?: number }[] };
  return results.map(({ err = ErrorCode.Ok }) => err);
}

function replyOf(line: Line): Reply | undefined {
  const { observation } = line.entry;
  return observation.kind === 'reply' ? observation : undefined;
}
