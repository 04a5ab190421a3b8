import { NULL_DATA, type Stat } from '../../lib/core/types.js';
import { ROOT } from './program.js';
import type { Entry, Observation, Transcript } from './transcript.js';

/** An observation as two servers must agree on it. */
export interface Line {
  readonly entry: Entry;
  /** Everything that does not depend on other observations. */
  readonly shape: string;
  /** The shape, with zxids by their rank among the program's. */
  readonly full: string;
}

/** A number that only relations make comparable, where it stood. */
class Related {
  readonly zxid: number;

  constructor(zxid: number) {
    this.zxid = zxid;
  }
}

const WRITES: ReadonlySet<string> = new Set([
  ...['create', 'create2', 'createContainer', 'createTtl', 'delete'],
  ...['setData', 'setAcl', 'multi', 'closeSession'],
]);
/** Their elements come in an order that ZooKeeper leaves open: it keeps them in hash sets. */
const UNORDERED: ReadonlySet<string> = new Set(['children', 'ephemerals', 'acl', 'clientInfo']);

/**
 * Makes the answers of two servers comparable. Zxids are numbered by their order, so that two transcripts are the same exactly
 * when the same zxids are equal, and the same ones greater, in both. A time is the zxid that it belongs to, if every
 * znode that names the zxid names the same time. Session ids become numbers in the order of their making.
 */
export function normalize(transcript: Transcript): Line[] {
  const times = new TimesOfZxids();
  const seen = new Map<number, number>();
  const values = transcript.entries.map(({ session, observation }) => {
    if (observation.kind === 'connected') seen.delete(session);
    const value = relate(observation, seen.get(session) ?? 0);
    const plain = new Plain(transcript, times).of(value);
    for (const zxid of zxidsIn(plain)) seen.set(session, Math.max(zxid, seen.get(session) ?? 0));
    return plain;
  });
  sortEventsOfEnds(values);
  const ranks = rank(values.flatMap((value) => [...zxidsIn(value)]));
  return transcript.entries.map((entry, index) => ({
    entry,
    shape: print(values[index], () => 'zxid'),
    full: print(values[index], (zxid) => `zxid ${ranks.get(zxid) ?? '?'}`),
  }));
}

/**
 * The ephemerals of a session go in one transaction, in an order that ZooKeeper leaves open: it keeps them in a hash set. So the
 * events of a closeSession are put in one order ("Events of a session's end" in docs/COMPATIBILITY.md).
 */
function sortEventsOfEnds(values: unknown[]): void {
  const ends = new Set(values.filter(isEnd).map((value) => value.zxid.zxid));
  for (let at = 0; at < values.length;) {
    const zxid = zxidOfEvent(values[at]);
    let end = at + 1;
    if (zxid !== undefined && ends.has(zxid)) while (zxidOfEvent(values[end]) === zxid) end += 1;
    values.splice(at, end - at, ...sorted(values.slice(at, end)));
    at = end;
  }
}

function isEnd(value: unknown): value is { readonly zxid: Related } {
  if (typeof value !== 'object' || value === null || !('name' in value && 'zxid' in value)) return false;
  return value.name === 'closeSession' && value.zxid instanceof Related;
}

function zxidOfEvent(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('event' in value && 'zxid' in value)) return undefined;
  return value.zxid instanceof Related ? value.zxid.zxid : undefined;
}

/** The header's zxid is that of the transaction, or how far the server has come, which depends on other programs. */
function relate(observation: Observation, seen: number): unknown {
  if (observation.kind === 'event') return { ...observation, zxid: zxidOr(observation.zxid) };
  if (observation.kind !== 'reply') return observation;
  const { name, zxid, err, body } = observation;
  if (WRITES.has(name) && err === 0 && !isRefusedMulti(body)) return { ...observation, zxid: zxidOr(zxid) };
  if (zxid <= 0) return observation;
  return { ...observation, zxid: zxid >= seen ? 'current' : 'from the past' };
}

/** Zxids from 1 are transactions of this run; the others are what they are. */
function zxidOr(zxid: number): unknown {
  return zxid > 0 ? new Related(zxid) : zxid;
}

/** Refusals have no zxid of their own here and an uninteresting one in ZooKeeper. */
function isRefusedMulti(body: unknown): boolean {
  if (typeof body !== 'object' || body === null || !('results' in body)) return false;
  return (
    Array.isArray(body.results) && body.results.some((result: { name?: string }) => result.name === 'error')
  );
}

/** Rewrites values so that nothing in them depends on the server or on the run. */
class Plain {
  readonly #transcript: Transcript;
  readonly #times: TimesOfZxids;

  constructor(transcript: Transcript, times: TimesOfZxids) {
    this.#transcript = transcript;
    this.#times = times;
  }

  of(value: unknown): unknown {
    if (typeof value === 'string') return this.#text(value);
    if (typeof value === 'bigint') return this.#session(value);
    if (value === NULL_DATA) return 'null';
    if (value instanceof Uint8Array) return `bytes ${this.#text(Buffer.from(value).toString('latin1'))}`;
    if (Array.isArray(value)) return value.map((element) => this.of(element));
    if (typeof value !== 'object' || value === null || value instanceof Related) return value;
    if ('czxid' in value) return this.#stat(value as Stat);
    return Object.fromEntries(
      Object.entries(value).map(([key, field]: [string, unknown]) => [key, this.#field(key, field)]),
    );
  }

  #field(key: string, value: unknown): unknown {
    const plain = this.of(value);
    return UNORDERED.has(key) && Array.isArray(plain) ? sorted(plain) : plain;
  }

  #text(text: string): string {
    return text.replaceAll(this.#transcript.root, ROOT);
  }

  #session(id: bigint): string {
    const index = this.#transcript.sessions.indexOf(id);
    return index === -1 ? `int64 ${id.toString()}` : `session ${index}`;
  }

  #stat(stat: Stat): unknown {
    const { czxid, mzxid, pzxid, ctime, mtime, ephemeralOwner, ...rest } = stat;
    return {
      ...rest,
      czxid: zxidOr(czxid),
      mzxid: zxidOr(mzxid),
      pzxid: zxidOr(pzxid),
      ctime: this.#times.agree(czxid, ctime) ? 'of czxid' : 'not of czxid',
      mtime: this.#times.agree(mzxid, mtime) ? 'of mzxid' : 'not of mzxid',
      ephemeralOwner: this.#session(ephemeralOwner),
    };
  }
}

class TimesOfZxids {
  readonly #times = new Map<number, number>();

  /** Whether the zxid has this time, as everywhere else that it was seen. */
  agree(zxid: number, time: number): boolean {
    const known = this.#times.get(zxid);
    this.#times.set(zxid, known ?? time);
    return known === undefined || known === time;
  }
}

function sorted(values: readonly unknown[]): readonly unknown[] {
  return values.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function* zxidsIn(value: unknown): Generator<number> {
  if (value instanceof Related) yield value.zxid;
  else if (typeof value === 'object' && value !== null) {
    for (const field of Object.values(value)) yield* zxidsIn(field);
  }
}

function rank(zxids: readonly number[]): ReadonlyMap<number, number> {
  const ascending = [...new Set(zxids)].sort((a, b) => a - b);
  return new Map(ascending.map((zxid, index) => [zxid, index + 1]));
}

function print(value: unknown, zxid: (zxid: number) => string): string {
  return JSON.stringify(value, (_, field: unknown) => (field instanceof Related ? zxid(field.zxid) : field));
}
