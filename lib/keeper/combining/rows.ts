/**
 * The rows of combining, in the `state` table. None of them is needed to know what happened: that is in the log.
 *
 *   ns#inbox#0…7         keeper    writes that a keeper has parked: its count of parkings `n`, deadline, the writes
 *   ns#outcome#KEEPER    -         what became of the keeper's parking `n`, how crowded it was, until when there is a combiner
 *   ns#combiner          -         who combines, until when it vouches for that, and how crowded it is
 */
import { assert } from '../../base/assert.js';
import type { AuthId, Once, SessionId, WriteRequest, Zxid } from '../../core/types.js';
import type { Item, Key } from '../../log/store.js';
import { number, rowKey, text } from '../rows.js';
import type { WriteOutcome } from '../types.js';
import { KeeperError } from '../types.js';
import { INBOX_SHARDS } from './limits.js';

/** Rows of another version are left to those who understand them, until they are overdue. */
const VERSION = 1;
/** Attributes are whole numbers. */
export const CROWD_SCALE = 100;

export const combiningKey = {
  inbox: (namespace: string, shard: number) => `${namespace}#inbox#${shard}`,
  outcome: (namespace: string, keeper: string): Key => ({
    partition: `${namespace}#outcome#${keeper}`,
    sort: '-',
  }),
  combiner: (namespace: string): Key => ({ partition: `${namespace}#combiner`, sort: '-' }),
};

export const INBOX_SHARD_NUMBERS = Array.from({ length: INBOX_SHARDS }, (_, shard) => shard);

/** One parking of one keeper. */
export interface Ticket {
  readonly keeper: string;
  /** Counts the keeper's parkings. */
  readonly number: number;
}

export interface ParkedWrite {
  readonly request: WriteRequest;
  readonly session: SessionId;
  readonly epoch: number;
  readonly authIds: readonly AuthId[];
  readonly once: Once;
}

export interface Parked {
  readonly ticket: Ticket;
  /** Ms since 1970: an entry with a later time must not hold it. */
  readonly deadlineMs: number;
  readonly writes: readonly ParkedWrite[];
}

/** How a parked write ended: an outcome, or an error that is about this write alone. */
export type ParkedOutcome = WriteOutcome | KeeperError;

export interface Outcomes {
  readonly ticket: Ticket;
  /** In the order of the parked writes. */
  readonly outcomes: readonly ParkedOutcome[];
  /** Rows that were combined in a look at the inbox, on a moving average. */
  readonly crowd: number;
  /** Until when the combiner vouches for being there, ms since 1970. */
  readonly combinerUntilMs: number;
  /** The log reaches at least so far. */
  readonly head: Zxid;
}

/** A keeper's parkings go round the shards, so that none of them fills up. */
export function parkedKey(namespace: string, { keeper, number: parking }: Ticket): Key {
  const shard = (parseInt(keeper.slice(-4), 16) + parking) % INBOX_SHARDS;
  return { partition: combiningKey.inbox(namespace, shard), sort: keeper };
}

export function parkedRow(namespace: string, parked: Parked): Item {
  const { ticket, deadlineMs, writes } = parked;
  return {
    ...rowKey(parkedKey(namespace, ticket)),
    v: VERSION,
    n: ticket.number,
    due: deadlineMs,
    w: stringify(writes),
    // What nobody clears goes by itself.
    ttl: Math.ceil(deadlineMs / 1000) + 60,
  };
}

/** The parked writes; none of a version that is not ours. */
export function parkedOfRow(row: Item): Parked {
  const ticket = { keeper: text(row, 'sk'), number: number(row, 'n') };
  const writes = row['v'] === VERSION ? (parse(text(row, 'w')) as ParkedWrite[]) : [];
  return { ticket, deadlineMs: number(row, 'due'), writes };
}

export function outcomesRow(namespace: string, told: Outcomes & { readonly ttlSeconds: number }): Item {
  const { ticket, outcomes, crowd, combinerUntilMs, head, ttlSeconds } = told;
  return {
    ...rowKey(combiningKey.outcome(namespace, ticket.keeper)),
    n: ticket.number,
    o: stringify(outcomes.map(plainOutcome)),
    c: Math.round(crowd * CROWD_SCALE),
    u: combinerUntilMs,
    z: head,
    ttl: ttlSeconds,
  };
}

export function outcomesOfRow(keeper: string, row: Item): Outcomes {
  const outcomes = parse(text(row, 'o')) as (WriteOutcome | PlainError)[];
  return {
    ticket: { keeper, number: number(row, 'n') },
    outcomes: outcomes.map((outcome) => ('ok' in outcome ? outcome : errorOf(outcome))),
    crowd: number(row, 'c') / CROWD_SCALE,
    combinerUntilMs: number(row, 'u'),
    head: number(row, 'z'),
  };
}

interface PlainError {
  readonly code: KeeperError['code'];
  readonly message: string;
  readonly maybeApplied: boolean;
}

function plainOutcome(outcome: ParkedOutcome): WriteOutcome | PlainError {
  if (!(outcome instanceof KeeperError)) return outcome;
  const { code, message, maybeApplied } = outcome;
  return { code, message, maybeApplied };
}

function errorOf({ code, message, maybeApplied }: PlainError): KeeperError {
  return new KeeperError(code, message, { maybeApplied });
}

/** JSON, in which session ids and bytes are objects of one field that nothing else here is called. */
export function stringify(value: unknown): string {
  return JSON.stringify(value, function replace(this: Record<string, unknown>, name: string, part: unknown) {
    // Buffers have turned into something else by the time they get here.
    const original = this[name];
    if (typeof original === 'bigint') return { $id: original.toString(16) };
    if (original instanceof Uint8Array) return { $bytes: Buffer.from(original).toString('base64') };
    return part;
  });
}

function parse(json: string): unknown {
  return JSON.parse(json, (_name, part: unknown) => {
    if (typeof part !== 'object' || part === null) return part;
    if ('$id' in part) return BigInt(`0x${String(part.$id)}`);
    if (!('$bytes' in part)) return part;
    assert(typeof part.$bytes === 'string', 'bytes are written in base64');
    return new Uint8Array(Buffer.from(part.$bytes, 'base64'));
  });
}
