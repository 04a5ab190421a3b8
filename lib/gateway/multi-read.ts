import { assert } from '../base/assert.js';
import { ErrorCode } from '../core/errors.js';
import { validatePath } from '../core/paths.js';
import type { ReadAnswer, ReadRequest } from '../core/types.js';
import type { RequestOf, WireMultiReadResult } from '../wire/index.js';
import type { Answer, Lookup } from './lookup.js';
import type { SessionConnection } from './session-requests.js';

/** `undefined` for a path that no znode can have: the store is not asked for it. */
type SingleRead = ReadRequest | undefined;

const IMPOSSIBLE_PATH: ReadAnswer = { ok: false, code: ErrorCode.NoNode };
const THROTTLED: Answer = { err: ErrorCode.ThrottledOp };

/**
 * multiRead: all reads are answered at the same moment, each for itself. Their watches are left out: ZooKeeper sets none in
 * a multiRead, whatever the request says.
 */
export function multiReadLookup(connection: SessionConnection, body: RequestOf<'multiRead'>): Lookup {
  const { keeper, limits } = connection;
  const reads = body.operations.map(({ name, request: { path } }): SingleRead =>
    validatePath(path) === undefined ? { kind: name, path } : undefined,
  );
  let missing: ReadRequest[] = [];
  return {
    attempt() {
      if (reads.length > limits.multiReadReadsMax) return THROTTLED;
      const answers: ReadAnswer[] = [];
      missing = [];
      for (const read of reads) {
        const answer = read === undefined ? IMPOSSIBLE_PATH : keeper.tryRead(read, connection.authIds);
        if (answer !== undefined) answers.push(answer);
        else if (read !== undefined) missing.push(read);
      }
      return missing.length > 0 ? undefined : answerOf(answers, limits.multiReadBytesMax);
    },
    hydrate() {
      const next = missing.slice(0, limits.hydrationConcurrency);
      return Promise.all(next.map((read) => keeper.hydrateFor(read)));
    },
    attemptsMax: limits.hydrationAttemptsMax + reads.length,
  };
}

function answerOf(answers: readonly ReadAnswer[], bytesMax: number): Answer {
  const bytes = answers.reduce((sum, answer) => sum + bytesOf(answer), 0);
  if (bytes > bytesMax) return THROTTLED;
  return { err: 0, body: { name: 'multiRead', body: { results: answers.map(resultOf) } } };
}

/** A header and a Stat; the length before a name. */
const RESULT_BYTES = 96;
const NAME_BYTES = 4;

/** What an answer takes on the wire, about. */
function bytesOf(answer: ReadAnswer): number {
  if (!answer.ok) return RESULT_BYTES;
  const { result } = answer;
  if (result.kind === 'getData') return RESULT_BYTES + result.data.length;
  if (result.kind !== 'getChildren') return RESULT_BYTES;
  return result.children.reduce((sum, name) => sum + NAME_BYTES + name.length, RESULT_BYTES);
}

function resultOf(answer: ReadAnswer): WireMultiReadResult {
  if (!answer.ok) return { name: 'error', err: answer.code };
  const { result } = answer;
  if (result.kind === 'getData') return { name: 'getData', data: result.data, stat: result.stat };
  assert(result.kind === 'getChildren', 'a multiRead consists of getData and getChildren');
  return { name: 'getChildren', children: result.children };
}
