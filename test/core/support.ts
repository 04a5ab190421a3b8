import { applyWithStats, needOfWrite, prepare, resultOf } from '../../lib/core/machine.js';
import type { StateWriter } from '../../lib/core/state.js';
import {
  NO_SESSION,
  OPEN_ACL,
  type Acl,
  type AuthId,
  type CreateMode,
  type CreateRequest,
  type Origin,
  type Position,
  type Refusal,
  type SessionId,
  type Stat,
  type WatchTrigger,
  type WriteRequest,
  type WriteResult,
} from '../../lib/core/types.js';

export const bytes = (text: string) => new Uint8Array(Buffer.from(text));

export const NOBODY: Origin = { session: NO_SESSION, epoch: 0, authIds: [] };

export function originOf(session: SessionId, epoch = 1, authIds: readonly AuthId[] = []): Origin {
  return { session, epoch, authIds };
}

export function create(
  path: string,
  mode: CreateMode = 'persistent',
  acl: readonly Acl[] = OPEN_ACL,
): CreateRequest {
  return { kind: 'create', path, data: bytes('data'), acl, mode };
}

export function openSession(session: SessionId, attachId = 'a1'): WriteRequest {
  const passwordHash = new Uint8Array(32);
  return { kind: 'createSession', session, owner: 'gateway', attachId, timeoutMs: 4000, passwordHash };
}

export type Outcome =
  | {
      readonly ok: true;
      readonly result: WriteResult;
      readonly triggers: readonly WatchTrigger[];
    }
  | { readonly ok: false; readonly refusal: Refusal };

/** Writes one after the other, each with the next zxid and 1 s later. */
export class Writer {
  readonly state: StateWriter;
  position: Position = { zxid: 0, timeMs: 1_000_000 };

  constructor(state: StateWriter) {
    this.state = state;
  }

  write(request: WriteRequest, origin: Origin = NOBODY): Outcome {
    const { state } = this;
    if (needOfWrite(request, origin, state).length > 0) throw new Error('hydrate first');
    const prepared = prepare({ request, origin, state, timeMs: this.position.timeMs });
    if (!prepared.ok) return prepared;
    const { effect, quotas } = prepared;
    const accepted = quotas === undefined ? { effect } : { effect, quotas };
    const position = { zxid: this.position.zxid + 1, timeMs: this.position.timeMs + 1000 };
    this.position = position;
    const { triggers, stats } = applyWithStats(
      { session: origin.session, cxid: 0, ...accepted },
      position,
      state,
    );
    return { ok: true, result: resultOf({ request, effect, position, state, stats }), triggers };
  }

  /** The result of a write that must not be refused. */
  must(request: WriteRequest, origin: Origin = NOBODY): WriteResult {
    const outcome = this.write(request, origin);
    if (!outcome.ok) throw new Error(`refused: ${JSON.stringify(outcome.refusal)}`);
    return outcome.result;
  }

  /** The code of a refusal, 0 for none. */
  code(request: WriteRequest, origin: Origin = NOBODY): number {
    const outcome = this.write(request, origin);
    return outcome.ok ? 0 : outcome.refusal.code;
  }

  triggers(request: WriteRequest, origin: Origin = NOBODY): string[] {
    const outcome = this.write(request, origin);
    if (!outcome.ok) throw new Error(`refused: ${JSON.stringify(outcome.refusal)}`);
    return outcome.triggers.map(({ event, path }) => `${event} ${path}`);
  }
}

export function statIn(result: WriteResult): Stat {
  if (!('stat' in result)) throw new Error(`a ${result.kind} has no stat`);
  return result.stat;
}
