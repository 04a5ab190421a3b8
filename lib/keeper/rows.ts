/**
 * The rows of the `state` and `leases` tables. All keys begin with the namespace, so that IAM can open one namespace and no
 * other.
 *
 *   state   ns#node#/a/b          -                 a znode: stat, ACL, data up to 4 KB or the blob's name
 *           ns#children#/a        name of a child   z
 *           ns#sessions#0…f       session in hex    a session (the shard is its last hex digit)
 *           ns#ephemerals#SESSION path or its hash  z
 *           ns#blob#ID            chunk number      d
 *           ns#garbage            due ms # blob id  a blob that may be garbage: its length, the zxid above which its name may be; of a trimmed
 *                                                   entry the znode that had it, or that nobody has it any more
 *           ns#watermark          -                 z, entry time, counters
 *   leases  ns#gateways           gateway id        until when a gateway vouches for its sessions
 *           ns#gateway#ID         session in hex    epoch and timeout of a session that it owns
 *
 * `z` is the zxid of the last transaction in the row, `rf` its format when that is not the first. `gone` marks a tombstone, `ttl` is in seconds.
 */
import { createHash } from 'node:crypto';
import { NO_SESSION, NULL_DATA, OPEN_ACL } from '../core/types.js';
import type {
  Acl,
  BlobReference,
  Lifetime,
  NodeRecord,
  SessionId,
  SessionRecord,
  ZnodeData,
  Zxid,
} from '../core/types.js';
import type { Counters } from '../log/entry.js';
import { FIRST_FORMAT } from '../log/formats/first.js';
import type { Format } from '../log/formats/format.js';
import { formatOf, knownFormat, newestFormat } from '../log/formats/lookup.js';
import type { Item, Key } from '../log/store.js';
import { assert } from '../base/assert.js';
import { KeeperError } from './types.js';

const EPHEMERAL_SORT_KEY_BYTES_MAX = 1000;

export const stateKey = {
  node: (namespace: string, path: string): Key => ({ partition: `${namespace}#node#${path}`, sort: '-' }),
  children: (namespace: string, path: string) => `${namespace}#children#${path}`,
  child: (namespace: string, path: string, name: string): Key => ({
    partition: stateKey.children(namespace, path),
    sort: name,
  }),
  session: (namespace: string, session: SessionId): Key => {
    const hex = session.toString(16);
    return { partition: stateKey.sessions(namespace, hex.slice(-1)), sort: hex };
  },
  sessions: (namespace: string, shard: string) => `${namespace}#sessions#${shard}`,
  ephemerals: (namespace: string, session: SessionId) => `${namespace}#ephemerals#${session.toString(16)}`,
  ephemeral: (namespace: string, session: SessionId, path: string): Key => ({
    partition: stateKey.ephemerals(namespace, session),
    sort: ephemeralSortKey(path),
  }),
  blob: (namespace: string, id: string) => `${namespace}#blob#${id}`,
  blobChunk: (namespace: string, id: string, chunk: number): Key => ({
    partition: stateKey.blob(namespace, id),
    sort: String(chunk).padStart(6, '0'),
  }),
  garbage: (namespace: string) => `${namespace}#garbage`,
  /** How far the log may be trimmed already, which is recorded first; and how far that is done. */
  trim: (namespace: string, what: 'recorded' | 'done'): Key => ({
    partition: `${namespace}#trim`,
    sort: what,
  }),
  watermark: (namespace: string): Key => ({ partition: `${namespace}#watermark`, sort: '-' }),
};

export const SESSION_SHARDS = Array.from({ length: 16 }, (_, digit) => digit.toString(16));

export const leaseKey = {
  gateways: (namespace: string) => `${namespace}#gateways`,
  gateway: (namespace: string, gatewayId: string): Key => ({
    partition: leaseKey.gateways(namespace),
    sort: gatewayId,
  }),
  gatewaySessions: (namespace: string, gatewayId: string) => `${namespace}#gateway#${gatewayId}`,
  gatewaySession: (namespace: string, gatewayId: string, session: SessionId): Key => ({
    partition: leaseKey.gatewaySessions(namespace, gatewayId),
    sort: session.toString(16),
  }),
};

/** Sort keys end at 1 024 bytes, paths do not: a longer one is kept as an attribute and keyed by its hash. */
function ephemeralSortKey(path: string): string {
  if (Buffer.byteLength(path) <= EPHEMERAL_SORT_KEY_BYTES_MAX) return path;
  return '#' + createHash('sha256').update(path).digest('hex');
}

export function rowKey(key: Key): Item {
  return { pk: key.partition, sk: key.sort };
}

/**
 * A row of the state table as it is stored in a format, of which it carries the number as `rf` unless it is the first. For rows that follow from
 * the log; all others are of one format, to which attributes may be added that older releases do not know.
 */
export function toStored(row: Item, format: number): Item {
  const stored = knownFormat(format).toStored(row);
  return format === FIRST_FORMAT.number ? stored : { ...stored, rf: format };
}

/** The row in the shape that this file works with. Whoever meets a format that is not known stops: nobody may guess what it says. */
function fromStored(row: Item): Item {
  return formatOfRow(row).fromStored(row);
}

function formatOfRow(row: Item): Format {
  const number = row['rf'] ?? FIRST_FORMAT.number;
  const format = typeof number === 'number' ? formatOf(number) : undefined;
  if (format !== undefined) return format;
  const at = `${String(row['pk'])} ${String(row['sk'])}`;
  throw new KeeperError(
    'Unreadable',
    `the row ${at} has format ${String(number)}, this version reads up to ${newestFormat()}`,
  );
}

/** The `z` of a row; every row of the state table that is folded has one. */
export function zxidOfRow(row: Item): Zxid {
  formatOfRow(row);
  assert(typeof row['z'] === 'number', 'a state row without zxid');
  return row['z'];
}

export function isTombstone(row: Item): boolean {
  return row['gone'] === true;
}

export function tombstone(key: Key, zxid: Zxid, ttlSeconds: number): Item {
  return { ...rowKey(key), z: zxid, gone: true, ttl: ttlSeconds };
}

export function nodeRow(namespace: string, path: string, record: NodeRecord): Item {
  return {
    ...rowKey(stateKey.node(namespace, path)),
    z: record.zxid,
    cz: record.czxid,
    mz: record.mzxid,
    pz: record.pzxid,
    ct: record.ctime,
    mt: record.mtime,
    v: record.version,
    c: record.creates,
    av: record.aversion,
    n: record.numChildren,
    eo: record.ephemeralOwner === NO_SESSION ? undefined : record.ephemeralOwner.toString(16),
    life: lifetimeAttribute(record.lifetime),
    acl: aclAttribute(record.acl),
    ...dataAttributes(record.data),
  };
}

/** Ms of a TTL znode; 0 stands for a container. */
function lifetimeAttribute(lifetime: Lifetime | undefined): number | undefined {
  return lifetime === 'container' ? 0 : lifetime?.ttlMs;
}

function lifetimeOfAttribute(value: Item[string]): { lifetime?: Lifetime } {
  if (typeof value !== 'number') return {};
  return { lifetime: value === 0 ? 'container' : { ttlMs: value } };
}

export function nodeOfRow(stored: Item): NodeRecord | null {
  const row = fromStored(stored);
  if (isTombstone(row)) return null;
  const owner = row['eo'];
  return {
    zxid: zxidOfRow(row),
    czxid: number(row, 'cz'),
    mzxid: number(row, 'mz'),
    pzxid: number(row, 'pz'),
    ctime: number(row, 'ct'),
    mtime: number(row, 'mt'),
    version: number(row, 'v'),
    creates: number(row, 'c'),
    aversion: number(row, 'av'),
    numChildren: number(row, 'n'),
    ephemeralOwner: typeof owner === 'string' ? BigInt('0x' + owner) : NO_SESSION,
    ...lifetimeOfAttribute(row['life']),
    acl: aclOfAttribute(row['acl']),
    data: dataOfRow(row),
  };
}

function dataAttributes(data: ZnodeData): Item {
  if (data === NULL_DATA) return { dn: 1 };
  return data instanceof Uint8Array ? { d: data } : { b: data.blob, bl: data.length };
}

function dataOfRow(row: Item): ZnodeData {
  if (typeof row['b'] === 'string') return { blob: row['b'], length: number(row, 'bl') };
  if (row['dn'] === 1) return NULL_DATA;
  assert(row['d'] instanceof Uint8Array, 'a znode row without data');
  return row['d'];
}

/** The open ACL, which nearly all znodes have, takes no room. */
function aclAttribute(acl: readonly Acl[]): string | undefined {
  const text = JSON.stringify(acl.map((entry) => [entry.perms, entry.scheme, entry.id]));
  return text === OPEN_ACL_TEXT ? undefined : text;
}
const OPEN_ACL_TEXT = JSON.stringify(OPEN_ACL.map((entry) => [entry.perms, entry.scheme, entry.id]));

function aclOfAttribute(value: Item[string]): readonly Acl[] {
  if (typeof value !== 'string') return OPEN_ACL;
  const entries = JSON.parse(value) as [number, string, string][];
  return entries.map(([perms, scheme, id]) => ({ perms, scheme, id }));
}

export function sessionRow(namespace: string, session: SessionId, record: SessionRecord): Item {
  return {
    ...rowKey(stateKey.session(namespace, session)),
    z: record.zxid,
    e: record.epoch,
    o: record.owner,
    a: record.attachId,
    t: record.timeoutMs,
    h: record.passwordHash,
    x: record.cxid,
  };
}

export function sessionOfRow(stored: Item): SessionRecord | null {
  const row = fromStored(stored);
  if (isTombstone(row)) return null;
  const hash = row['h'];
  assert(hash instanceof Uint8Array, 'a session row without password hash');
  return {
    zxid: zxidOfRow(row),
    epoch: number(row, 'e'),
    owner: text(row, 'o'),
    attachId: text(row, 'a'),
    timeoutMs: number(row, 't'),
    passwordHash: hash,
    cxid: number(row, 'x'),
  };
}

export function ephemeralRow(at: { namespace: string; session: SessionId; path: string; zxid: Zxid }): Item {
  const key = stateKey.ephemeral(at.namespace, at.session, at.path);
  return { ...rowKey(key), z: at.zxid, p: key.sort === at.path ? undefined : at.path };
}

export function pathOfEphemeralRow(stored: Item): string {
  const row = fromStored(stored);
  return typeof row['p'] === 'string' ? row['p'] : text(row, 'sk');
}

/** A blob that may be garbage when its due time has come. */
export interface Garbage {
  readonly reference: BlobReference;
  /** Ms since 1970. */
  readonly dueMs: number;
  /** No entry up to here names it that is not trimmed: an entry's end. */
  readonly from: Zxid;
  /** Of a blob that a trimmed entry gave to a znode: its path. No other transaction names it, and no other znode has it. */
  readonly path?: string;
  /** True when nobody has had it since before the due time was set: it goes when that has come. */
  readonly isUnused?: true;
}

export function garbageRow(namespace: string, garbage: Garbage): Item {
  const { reference, dueMs, from, path, isUnused } = garbage;
  return {
    pk: stateKey.garbage(namespace),
    sk: `${garbageSortKey(dueMs)}#${reference.blob}`,
    b: reference.blob,
    n: reference.length,
    from,
    p: path,
    gone: isUnused,
  };
}

export function garbageOfRow(row: Item): Garbage {
  const [due = ''] = text(row, 'sk').split('#');
  const reference = { blob: text(row, 'b'), length: number(row, 'n') };
  return {
    ...{ reference, dueMs: Number(due), from: number(row, 'from') },
    ...(row['p'] === undefined ? {} : { path: text(row, 'p') }),
    ...(isTombstone(row) ? { isUnused: true } : {}),
  };
}

/** Garbage rows are in the order of their due times. */
export function garbageSortKey(dueMs: number): string {
  return String(Math.floor(dueMs)).padStart(15, '0');
}

/** How far the state tables are complete, with what an entry's end carries. */
export interface Watermark {
  readonly zxid: Zxid;
  readonly timeMs: number;
  readonly counters: Counters;
}

export function watermarkRow(namespace: string, watermark: Watermark): Item {
  return {
    ...rowKey(stateKey.watermark(namespace)),
    z: watermark.zxid,
    t: watermark.timeMs,
    znodes: watermark.counters.znodes,
    sessions: watermark.counters.sessions,
    thin: watermark.counters.thinSessions,
    bytes: watermark.counters.bytes,
  };
}

export function watermarkOfRow(stored: Item): Watermark {
  const row = fromStored(stored);
  return {
    zxid: zxidOfRow(row),
    timeMs: number(row, 't'),
    counters: {
      znodes: number(row, 'znodes'),
      sessions: number(row, 'sessions'),
      thinSessions: number(row, 'thin'),
      bytes: number(row, 'bytes'),
    },
  };
}

export function number(row: Item, attribute: string): number {
  const value = row[attribute];
  assert(typeof value === 'number', `row attribute ${attribute} is not a number`);
  return value;
}

export function text(row: Item, attribute: string): string {
  formatOfRow(row);
  const value = row[attribute];
  assert(typeof value === 'string', `row attribute ${attribute} is not a string`);
  return value;
}
