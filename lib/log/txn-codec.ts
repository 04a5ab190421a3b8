import { assert, unreachable } from '../base/assert.js';
import { NO_SESSION, NULL_DATA, OPEN_ACL } from '../core/types.js';
import type {
  Acl,
  BlobReference,
  CreateTxn,
  Effect,
  MultiOperationTxn,
  QuotaChange,
  RecordedAnswer,
  Stat,
  Txn,
  ZnodeData,
} from '../core/types.js';
import { ByteCounter, EntryFormatError, type ByteReader, type ByteSink } from './entry-bytes.js';

/** The first byte of an effect. Numbers are part of the format: never reused. */
const EFFECT_CODE = {
  noop: 0,
  create: 1,
  delete: 2,
  setData: 3,
  setAcl: 4,
  check: 5,
  multi: 6,
  createSession: 7,
  attach: 8,
  closeSession: 9,
  error: 10,
} as const satisfies Record<Effect['type'], number>;

/** In place of a create's code: for znodes that go by themselves. Their owner is nobody, and is not written. */
const CREATE_CONTAINER_CODE = 11;
const CREATE_TTL_CODE = 12;
/** Before the effect's code: the transaction changes the figures of quotas, which follow. */
const QUOTAS_CODE = 13;

const BLOB_ID_BYTES = 16;
const DIGEST_BYTES = 8;
/** In place of an ACL's length + 1: world:anyone with every permission, which nearly every znode has. */
const ACL_OPEN = 0;
/** In place of data's length + 1: the data is a blob. */
const DATA_BLOB = 0;
/** In place of data's length + 1: the data is null. No data is as long. */
const DATA_NULL = 0x7fff_ffff;

/** Bytes that a transaction takes in an entry's body at most, uncompressed. */
export function encodedTxnSize(txn: Txn): number {
  const counter = new ByteCounter();
  writeTxn(counter, txn);
  return counter.length;
}

export function writeTxn(sink: ByteSink, txn: Txn): void {
  sink.session(txn.session);
  sink.varint(txn.cxid);
  if (txn.quotas !== undefined) {
    sink.byte(QUOTAS_CODE);
    writeList(sink, txn.quotas, writeQuota);
  }
  writeEffect(sink, txn.effect);
  if (txn.cxid > 0) writeRecorded(sink, txn.recorded);
}

export function readTxn(reader: ByteReader): Txn {
  const session = reader.session();
  const cxid = reader.varint();
  const code = reader.byte();
  const quotas = code === QUOTAS_CODE ? { quotas: readList(reader, readQuota) } : {};
  const effect = readEffectOf(code === QUOTAS_CODE ? reader.byte() : code, reader);
  const txn = { session, cxid, effect, ...quotas };
  return cxid > 0 ? { ...txn, recorded: readRecorded(reader) } : txn;
}

function writeQuota(sink: ByteSink, { path, znodes, bytes }: QuotaChange): void {
  sink.path(path);
  sink.signed(znodes);
  sink.signed(bytes);
}

function readQuota(reader: ByteReader): QuotaChange {
  return { path: reader.path(), znodes: reader.signed(), bytes: reader.signed() };
}

function writeRecorded(sink: ByteSink, recorded: RecordedAnswer | undefined): void {
  assert(recorded !== undefined, 'a write with a cxid is recorded with its answer');
  sink.hex(recorded.digest, DIGEST_BYTES);
  writeList(sink, recorded.stats, writeStat);
}

function readRecorded(reader: ByteReader): RecordedAnswer {
  return { digest: reader.hex(DIGEST_BYTES), stats: readList(reader, readStat) };
}

/** One byte when there is none: most operations' answers follow from their effects. */
function writeStat(sink: ByteSink, stat: Stat | undefined): void {
  sink.byte(stat === undefined ? 0 : 1);
  if (stat === undefined) return;
  for (const name of STAT_NUMBERS) sink.signed(stat[name]);
  sink.session(stat.ephemeralOwner);
}

function readStat(reader: ByteReader): Stat | undefined {
  if (reader.byte() === 0) return undefined;
  const numbers = STAT_NUMBERS.map((name) => [name, reader.signed()] as const);
  const ephemeralOwner = reader.session();
  return { ...(Object.fromEntries(numbers) as Omit<Stat, 'ephemeralOwner'>), ephemeralOwner };
}

const STAT_NUMBERS = [
  'czxid',
  'mzxid',
  'ctime',
  'mtime',
  'version',
  'cversion',
  'aversion',
  'dataLength',
  'numChildren',
  'pzxid',
] as const satisfies (keyof Stat)[];

function writeEffect(sink: ByteSink, effect: Effect): void {
  sink.byte(codeOf(effect));
  switch (effect.type) {
    case 'noop':
      return;
    case 'error': {
      sink.signed(effect.code);
      sink.varint((effect.failedAt ?? -1) + 1);
      return;
    }
    case 'create':
      sink.path(effect.path);
      writeData(sink, effect.data);
      writeAcl(sink, effect.acl);
      {
        writeOwner(sink, effect);
        return;
      }
    case 'delete':
      sink.path(effect.path);
      {
        sink.session(effect.ephemeralOwner);
        return;
      }
    case 'setData':
      sink.path(effect.path);
      writeData(sink, effect.data);
      {
        sink.signed(effect.version);
        return;
      }
    case 'setAcl':
      sink.path(effect.path);
      writeAcl(sink, effect.acl);
      {
        sink.signed(effect.version);
        return;
      }
    case 'check': {
      sink.path(effect.path);
      return;
    }
    case 'multi': {
      writeList(sink, effect.operations, writeEffect);
      return;
    }
    case 'createSession':
      sink.session(effect.session);
      sink.text(effect.owner);
      sink.text(effect.attachId);
      sink.varint(effect.timeoutMs);
      {
        sink.bytes(effect.passwordHash);
        return;
      }
    case 'attach':
      sink.session(effect.session);
      sink.varint(effect.epoch);
      sink.text(effect.owner);
      sink.text(effect.attachId);
      {
        sink.varint(effect.timeoutMs);
        return;
      }
    case 'closeSession':
      sink.session(effect.session);
      {
        writeList(sink, effect.ephemerals, (_, path) => sink.path(path));
        return;
      }
    default:
      unreachable(effect);
  }
}

function codeOf(effect: Effect): number {
  if (effect.type !== 'create' || effect.lifetime === undefined) return EFFECT_CODE[effect.type];
  return effect.lifetime === 'container' ? CREATE_CONTAINER_CODE : CREATE_TTL_CODE;
}

function writeOwner(sink: ByteSink, { lifetime, ephemeralOwner }: CreateTxn): void {
  if (lifetime === undefined) sink.session(ephemeralOwner);
  else if (lifetime !== 'container') sink.varint(lifetime.ttlMs);
}

// Object literals evaluate their properties in the order they are written in, which is the order on the wire.
function readEffectOf(code: number, reader: ByteReader): Effect {
  switch (code) {
    case EFFECT_CODE.noop:
      return { type: 'noop' };
    case EFFECT_CODE.error:
      return readError(reader);
    case EFFECT_CODE.setAcl:
      return { type: 'setAcl', path: reader.path(), acl: readAcl(reader), version: reader.signed() };
    case EFFECT_CODE.multi:
      return { type: 'multi', operations: readList(reader, readOperation) };
    case EFFECT_CODE.createSession:
      return {
        type: 'createSession',
        session: reader.session(),
        owner: reader.text(),
        attachId: reader.text(),
        timeoutMs: reader.varint(),
        passwordHash: reader.bytes(),
      };
    case EFFECT_CODE.attach:
      return {
        type: 'attach',
        session: reader.session(),
        epoch: reader.varint(),
        owner: reader.text(),
        attachId: reader.text(),
        timeoutMs: reader.varint(),
      };
    case EFFECT_CODE.closeSession:
      return {
        type: 'closeSession',
        session: reader.session(),
        ephemerals: readList(reader, () => reader.path()),
      };
    default:
      return readOperationOf(code, reader);
  }
}

function readError(reader: ByteReader): Effect {
  const code = reader.signed();
  const failedAt = reader.varint() - 1;
  return failedAt < 0 ? { type: 'error', code } : { type: 'error', code, failedAt };
}

function readOperation(reader: ByteReader): MultiOperationTxn {
  return readOperationOf(reader.byte(), reader);
}

function readOperationOf(code: number, reader: ByteReader): MultiOperationTxn {
  switch (code) {
    case EFFECT_CODE.create:
      return { ...readCreate(reader), ephemeralOwner: reader.session() };
    case CREATE_CONTAINER_CODE:
      return { ...readCreate(reader), ephemeralOwner: NO_SESSION, lifetime: 'container' };
    case CREATE_TTL_CODE:
      return { ...readCreate(reader), ephemeralOwner: NO_SESSION, lifetime: { ttlMs: reader.varint() } };
    case EFFECT_CODE.delete:
      return { type: 'delete', path: reader.path(), ephemeralOwner: reader.session() };
    case EFFECT_CODE.setData:
      return { type: 'setData', path: reader.path(), data: readData(reader), version: reader.signed() };
    case EFFECT_CODE.check:
      return { type: 'check', path: reader.path() };
    default:
      throw new EntryFormatError(`the entry holds an effect of an unknown kind: ${code}`);
  }
}

function readCreate(reader: ByteReader): Omit<CreateTxn, 'ephemeralOwner' | 'lifetime'> {
  return { type: 'create', path: reader.path(), data: readData(reader), acl: readAcl(reader) };
}

function writeData(sink: ByteSink, data: ZnodeData): void {
  if (data === NULL_DATA) {
    sink.varint(DATA_NULL);
    return;
  }
  if (data instanceof Uint8Array) {
    sink.varint(data.length + 1);
    sink.raw(data);
  } else {
    sink.varint(DATA_BLOB);
    writeBlobReference(sink, data);
  }
}

function readData(reader: ByteReader): ZnodeData {
  const code = reader.varint();
  if (code === DATA_NULL) return NULL_DATA;
  return code === DATA_BLOB ? readBlobReference(reader) : reader.raw(code - 1);
}

export function writeBlobReference(sink: ByteSink, reference: BlobReference): void {
  sink.hex(reference.blob, BLOB_ID_BYTES);
  sink.varint(reference.length);
}

export function readBlobReference(reader: ByteReader): BlobReference {
  return { blob: reader.hex(BLOB_ID_BYTES), length: reader.varint() };
}

function writeAcl(sink: ByteSink, acl: readonly Acl[]): void {
  if (isOpen(acl)) {
    sink.varint(ACL_OPEN);
    return;
  }
  sink.varint(acl.length + 1);
  for (const { perms, scheme, id } of acl) {
    // ZooKeeper keeps every int that a client names, negative ones too: its 32 bits, as a number that is none.
    sink.varint(perms >>> 0);
    sink.text(scheme);
    sink.text(id);
  }
}

function readAcl(reader: ByteReader): readonly Acl[] {
  const code = reader.count(ACL_OPEN + 1);
  if (code === ACL_OPEN) return OPEN_ACL;
  return Array.from({ length: code - 1 }, () => ({
    perms: reader.varint() | 0,
    scheme: reader.text(),
    id: reader.text(),
  }));
}

function isOpen(acl: readonly Acl[]): boolean {
  if (acl === OPEN_ACL) return true;
  const [only, open] = [acl[0], OPEN_ACL[0]];
  return (
    acl.length === 1 && only?.perms === open?.perms && only?.scheme === open?.scheme && only?.id === open?.id
  );
}

function writeList<T>(sink: ByteSink, list: readonly T[], write: (sink: ByteSink, element: T) => void): void {
  sink.varint(list.length);
  for (const element of list) write(sink, element);
}

function readList<T>(reader: ByteReader, read: (reader: ByteReader) => T): T[] {
  return Array.from({ length: reader.count() }, () => read(reader));
}
