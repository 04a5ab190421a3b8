import { createHash } from 'node:crypto';

import type { Random } from '../../../lib/base/random.js';
import type { Origin, SessionId } from '../../../lib/core/types.js';
import type { GatewaySessionsApi, OpenSession, SessionEnd, WriteOutcome } from '../../../lib/keeper/types.js';
import type { FakeKeeper } from './fake-keeper.js';

const NOBODY: Origin = { session: 0n, epoch: 0, authIds: [] };

/** The sessions of one gateway without leases: they end when a test says so. */
export class FakeSessions implements GatewaySessionsApi {
  readonly #keeper: FakeKeeper;
  readonly #random: Random;
  readonly #owned = new Map<SessionId, OpenSession>();
  readonly #listeners = new Set<(session: SessionId, end: SessionEnd) => void>();
  /** Sessions whose `touch` is refused. */
  readonly refused = new Set<SessionId>();
  touches = 0;
  /** Tests may let it age. */
  lease = { ageMs: 0, leftMs: 30_000 };

  constructor(keeper: FakeKeeper, random: Random) {
    this.#keeper = keeper;
    this.#random = random;
    keeper.onCommit(({ txn }) => {
      const { effect } = txn;
      if (effect.type === 'closeSession') this.#end(effect.session, 'closed');
      if (effect.type === 'attach') this.#end(effect.session, 'moved');
    });
  }

  get size(): number {
    return this.#owned.size;
  }

  owned() {
    return [...this.#owned.values()].map(({ session, timeoutMs }) => ({ session, leftMs: timeoutMs }));
  }

  async create(timeoutMs: number): Promise<OpenSession> {
    const session = BigInt('0x' + Buffer.from(this.#random.bytes(7)).toString('hex')) + 1n;
    const password = this.#random.bytes(16);
    const open = { session, epoch: 1, timeoutMs, password };
    this.#owned.set(session, open);
    await this.#keeper.write(
      { kind: 'createSession', session, owner: 'g', attachId: 'a', timeoutMs, passwordHash: hash(password) },
      NOBODY,
    );
    return open;
  }

  async attach(input: {
    session: SessionId;
    password: Uint8Array;
    timeoutMs: number;
  }): Promise<OpenSession | undefined> {
    const { session, password, timeoutMs } = input;
    const record = this.#keeper.state.session(session);
    if (record === null || !hash(password).equals(Buffer.from(record.passwordHash))) return undefined;
    const attachId = Buffer.from(this.#random.bytes(8)).toString('hex');
    const outcome = await this.#keeper.write(
      { kind: 'attach', session, owner: 'g', attachId, timeoutMs, replacesEpoch: record.epoch },
      NOBODY,
    );
    if (!outcome.ok) return undefined;
    const open = { session, epoch: record.epoch + 1, timeoutMs, password };
    this.#owned.set(session, open);
    return open;
  }

  close(session: SessionId): Promise<WriteOutcome> {
    const epoch = this.#owned.get(session)?.epoch ?? 0;
    return this.#keeper.write({ kind: 'closeSession', session, epoch }, { session, epoch, authIds: [] });
  }

  touch(session: SessionId): boolean {
    this.touches += 1;
    return this.#owned.has(session) && !this.refused.has(session);
  }

  onEnd(listener: (session: SessionId, end: SessionEnd) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What expiry does. */
  expire(session: SessionId): Promise<WriteOutcome> {
    const epoch = this.#keeper.state.session(session)?.epoch ?? 0;
    return this.#keeper.write({ kind: 'closeSession', session, epoch }, NOBODY);
  }

  /** What a gateway does that cannot renew its lease. */
  fence(session: SessionId): void {
    this.#end(session, 'fenced');
  }

  #end(session: SessionId, end: SessionEnd): void {
    if (!this.#owned.delete(session)) return;
    for (const listener of this.#listeners) listener(session, end);
  }
}

function hash(password: Uint8Array): Buffer {
  return createHash('sha256').update(password).digest();
}
