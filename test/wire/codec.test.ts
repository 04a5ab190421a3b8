import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FrameReader,
  JuteReader,
  JuteWriter,
  WireError,
  operationName,
  operations,
  readConnectRequest,
  readReplyMessage,
  readRequestMessage,
  writeHeaderReply,
  writeNotification,
  writeReplyMessage,
  writeRequestMessage,
  type OperationName,
} from '../../lib/wire/index.js';
import { GOLDEN_BYTES } from './golden-bytes.js';
import { codecOf, type Codec } from './golden-values.js';

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const safe = fc.maxSafeInteger();
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const bytes = fc.uint8Array({ maxLength: 200 }).map((value) => Buffer.from(value));
const acl = fc.record({ perms: int32, scheme: text, id: text });
const acls = fc.array(acl, { maxLength: 4 });
const stat = fc.record({
  czxid: safe,
  mzxid: safe,
  ctime: safe,
  mtime: safe,
  version: int32,
  cversion: int32,
  aversion: int32,
  ephemeralOwner: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  dataLength: int32,
  numChildren: int32,
  pzxid: safe,
});
const pathVersion = fc.record({ path: text, version: int32 });
const createRequest = fc.record({ path: text, data: bytes, acl: acls, flags: int32 });
const createTtl = fc.record({ path: text, data: bytes, acl: acls, flags: int32, ttlMs: safe });
const setData = fc.record({ path: text, data: bytes, version: int32 });
const strings = fc.array(text, { maxLength: 5 });
const multiRequest = fc.record({
  operations: fc.array(
    fc.oneof(
      fc.record({ name: fc.constantFrom('create', 'create2', 'createContainer'), request: createRequest }),
      fc.record({ name: fc.constant('createTtl'), request: createTtl }),
      fc.record({ name: fc.constantFrom('delete', 'check'), request: pathVersion }),
      fc.record({ name: fc.constant('setData'), request: setData }),
    ),
  ),
});
const multiResponse = fc.record({
  results: fc.array(
    fc.oneof(
      fc.record({ name: fc.constant('create'), path: text }),
      fc.record({ name: fc.constantFrom('create2', 'createContainer', 'createTtl'), path: text, stat }),
      fc.record({ name: fc.constantFrom('delete', 'check') }),
      fc.record({ name: fc.constant('setData'), stat }),
      fc.record({ name: fc.constant('error'), err: int32 }),
    ),
  ),
});

const records: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  'create.request': createRequest,
  'createTtl.request': createTtl,
  'delete.request': pathVersion,
  'setData.request': setData,
  'setAcl.request': fc.record({ path: text, acl: acls, version: int32 }),
  'getData.response': fc.record({ data: bytes, stat }),
  'getAcl.response': fc.record({ acl: acls, stat }),
  'getChildren2.response': fc.record({ children: strings, stat }),
  'create2.response': fc.record({ path: text, stat }),
  'setWatches2.request': fc.record({
    relativeZxid: safe,
    dataWatches: strings,
    existWatches: strings,
    childWatches: strings,
    persistentWatches: strings,
    persistentRecursiveWatches: strings,
  }),
  'multi.request': multiRequest,
  'multi.response': multiResponse,
};

function roundTrip(codec: Codec, value: unknown): unknown {
  const writer = new JuteWriter();
  codec.write(writer, value);
  const reader = new JuteReader(writer.take());
  const read = codec.read(reader);
  reader.expectEnd();
  return read;
}

describe('every record', () => {
  it.each(Object.keys(records))('%s reads back as it was written', (name) => {
    fc.assert(
      fc.property(records[name]!, (value) => {
        expect(roundTrip(codecOf(name), value)).toEqual(value);
      }),
    );
  });
});

/** Runs a decoder on bytes that may be anything: it may succeed or throw a WireError, nothing else. */
function decode(codec: Codec, input: Buffer): void {
  try {
    codec.read(new JuteReader(input));
  } catch (error) {
    expect(error).toBeInstanceOf(WireError);
  }
}

describe('a decoder that is given anything', () => {
  const names = Object.keys(GOLDEN_BYTES) as (keyof typeof GOLDEN_BYTES)[];

  it.each(names)('%s reads random bytes or throws a WireError', (name) => {
    fc.assert(fc.property(bytes, (input) => decode(codecOf(name), input)));
  });

  it.each(names)('%s reads its own bytes with one changed, or throws a WireError', (name) => {
    const golden = Buffer.from(GOLDEN_BYTES[name], 'hex');
    if (golden.length === 0) return;
    for (let at = 0; at < golden.length; at++) {
      for (const value of [0x00, 0x7f, 0x80, 0xff]) {
        const broken = Buffer.from(golden);
        broken[at] = value;
        decode(codecOf(name), broken);
      }
    }
  });

  it.each(names)('%s cut short at any byte is a WireError', (name) => {
    const golden = Buffer.from(GOLDEN_BYTES[name], 'hex');
    for (let length = 0; length < golden.length; length++) {
      const cut = () => codecOf(name).read(new JuteReader(golden.subarray(0, length)));
      expect(cut).toThrow(WireError);
    }
  });
});

describe('a reader', () => {
  it('refuses a negative length other than null', () => {
    const reader = new JuteReader(Buffer.from('fffffffe', 'hex'));
    expect(() => reader.readString()).toThrow('negative length of string: -2');
  });

  it('reads null as empty', () => {
    const nulls = Buffer.from('ffffffffffffffffffffffff', 'hex');
    const reader = new JuteReader(nulls);
    expect(reader.readString()).toBe('');
    expect(reader.readBuffer()).toHaveLength(0);
    expect(reader.readStrings()).toEqual([]);
  });

  it('refuses a vector whose count the frame cannot hold, before it makes room for it', () => {
    const reader = new JuteReader(Buffer.from('7fffffff00000000', 'hex'));
    expect(() => reader.readStrings()).toThrow('vector of 2147483647 does not fit the frame');
  });

  it('refuses an int64 beyond 2^53, or clamps it where that means the same', () => {
    const largest = Buffer.from('7fffffffffffffff', 'hex');
    expect(() => new JuteReader(largest).readSafeInt64()).toThrow(WireError);
    expect(new JuteReader(largest).readClampedInt64()).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('says how many bytes follow a record that should have ended', () => {
    expect(() => new JuteReader(Buffer.alloc(3)).expectEnd()).toThrow('3 bytes after the end');
  });

  it('takes the handshake of an old client, of a new one, and of one that says more', () => {
    const golden = Buffer.from(GOLDEN_BYTES['connect.request'], 'hex');
    const read = (...tail: number[]) =>
      readConnectRequest(new JuteReader(Buffer.concat([golden, Buffer.from(tail)])));
    expect(read().readOnly).toBeUndefined();
    expect(read(1).readOnly).toBe(true);
    expect(read(0, 9, 9).readOnly).toBe(false);
  });
});

describe('a writer', () => {
  it('never writes again to bytes that were taken', () => {
    const writer = new JuteWriter();
    writer.writeString('first');
    const first = writer.take();
    const before = Buffer.from(first);
    for (let index = 0; index < 10_000; index++) writer.writeString(`later ${index}`);
    expect(first.equals(before)).toBe(true);
    expect(writer.take().length).toBeGreaterThan(100_000);
  });

  it('drops a frame that was begun and keeps the one before', () => {
    const writer = new JuteWriter();
    writeHeaderReply(writer, { xid: 1, zxid: 2, err: 0 });
    writer.beginFrame();
    writer.writeString('half');
    writer.dropFrame();
    expect(new FrameReader().push(writer.take())).toHaveLength(1);
  });

  it('writes a buffer that is larger than a slab', () => {
    const large = Buffer.alloc(1_000_000, 7);
    const writer = new JuteWriter();
    writer.writeBuffer(large);
    expect(new JuteReader(writer.take()).readBuffer().equals(large)).toBe(true);
  });
});

describe('messages', () => {
  it('carry a request with its operation', () => {
    const writer = new JuteWriter();
    const body = { path: '/a', watch: true };
    writeRequestMessage(writer, { xid: 5, operation: operations.getData, body });
    const [frame] = new FrameReader().push(writer.take());
    expect(readRequestMessage(frame!)).toEqual({
      header: { xid: 5, opcode: 4 },
      request: { name: 'getData', body },
    });
  });

  it('name no operation for a code that clients do not send', () => {
    const createSession = Buffer.from('00000001fffffff6', 'hex');
    expect(readRequestMessage(createSession)).toEqual({
      header: { xid: 1, opcode: -10 },
      request: undefined,
    });
  });

  it('carry a reply, an error and a watch event', () => {
    const writer = new JuteWriter();
    const header = { xid: 5, zxid: 9, err: 0 };
    writeReplyMessage(writer, { header, operation: operations.create, body: { path: '/a' } });
    writeHeaderReply(writer, { xid: 6, zxid: 9, err: -101 });
    writeNotification(writer, { type: 3, state: 3, path: '/a', zxid: 9 });
    const replies = new FrameReader().push(writer.take()).map(readReplyMessage);
    expect(replies.map((reply) => reply.header)).toEqual([
      header,
      { xid: 6, zxid: 9, err: -101 },
      { xid: -1, zxid: 9, err: 0 },
    ]);
    expect(replies.map((reply) => reply.reader.remaining)).toEqual([6, 0, 14]);
  });

  it('know every operation by its code', () => {
    for (const name of Object.keys(operations) as OperationName[]) {
      expect(operationName(operations[name].code)).toBe(name);
    }
  });
});
