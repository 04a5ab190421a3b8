import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OPEN_ACL, type Effect, type Txn } from '../../lib/core/types.js';
import type { Entry } from '../../lib/log/entry.js';
import {
  BODY_OVERHEAD_BYTES,
  ENTRY_BYTES_MAX,
  EntryFormatError,
  decodeBody,
  decodeEntry,
  decodeHeader,
  decodeRow,
  encodeBody,
  encodeEntry,
  encodeEntryWithBlob,
  encodeStub,
  encodedTxnSize,
  joinEntry,
} from '../../lib/log/entry-codec.js';
import { itemSize, writeUnits } from '../../lib/log/item-size.js';
import * as arbitrary from './entry-arbitrary.js';
import { GOLDEN_ENTRY } from './fixtures/golden-entry.js';

const GOLDEN_BODY = Buffer.from(
  readFileSync(join(import.meta.dirname, 'fixtures/golden-entry.hex'), 'utf8').replaceAll(/\s/g, ''),
  'hex',
);

function entryOf(txns: readonly Txn[]): Entry {
  return {
    first: 1_000_000_000,
    last: 1_000_000_000 + txns.length - 1,
    timeMs: 1_700_000_000_000,
    batchId: 'f'.repeat(32),
    counters: { znodes: 1_000_000, sessions: 10_000, thinSessions: 10_000, bytes: 2 ** 40 },
    txns,
  };
}

const STAT = {
  czxid: 2 ** 50,
  mzxid: 2 ** 50,
  ctime: 1_700_000_000_000,
  mtime: 1_700_000_000_000,
  version: 1_000_000,
  cversion: 1_000_000,
  aversion: 0,
  ephemeralOwner: 2n ** 62n,
  dataLength: 100,
  numChildren: 1_000_000,
  pzxid: 2 ** 50,
};

function txnOf(effect: Effect): Txn {
  const recorded = { digest: 'd'.repeat(16), stats: [STAT] };
  return { session: 2n ** 62n, cxid: 1_000_000, effect, recorded };
}

function setData(path: string, data: Uint8Array): Txn {
  return txnOf({ type: 'setData', path, data, version: 1_000_000 });
}

describe('an entry in the log', () => {
  it('comes back as it was, whatever its transactions are', () => {
    fc.assert(
      fc.property(arbitrary.entry, (entry) => {
        expect(decodeEntry(encodeEntry('ns', entry))).toEqual(entry);
      }),
      { numRuns: 300 },
    );
  });

  it.each(Object.entries(arbitrary.effects))('comes back with %s', (_, effect) => {
    fc.assert(
      fc.property(effect, (value) => {
        const entry = entryOf([txnOf(value), txnOf(value)]);
        expect(decodeEntry(encodeEntry('ns', entry))).toEqual(entry);
      }),
      { numRuns: 50 },
    );
  });

  it('takes the bytes that it has always taken', () => {
    expect(Buffer.from(encodeBody(GOLDEN_ENTRY)).toString('hex')).toBe(GOLDEN_BODY.toString('hex'));
    expect(joinEntry(GOLDEN_ENTRY, decodeBody(GOLDEN_BODY))).toEqual(GOLDEN_ENTRY);
  });

  it('is a row with its key, last, time and writer-batch id in the open', () => {
    const { body, ...attributes } = encodeEntry('orders', GOLDEN_ENTRY);
    expect(body).toBeInstanceOf(Uint8Array);
    expect({ ...attributes, w: Buffer.from(attributes['w'] as Uint8Array).toString('hex') }).toEqual({
      ns: 'orders',
      zxid: 41,
      last: 51,
      t: 1_700_000_000_123,
      w: GOLDEN_ENTRY.batchId,
    });
  });

  it('fits one write unit with a setData of 100 bytes on a path of 100 bytes', () => {
    const path = '/' + 'p'.repeat(99);
    const item = encodeEntry('a-namespace-of-some-length', entryOf([setData(path, noiseOf(100))]));
    expect(itemSize(item)).toBeLessThan(512);
    expect(writeUnits(itemSize(item))).toBe(1);
  });

  it('is compressed only when that saves a write unit', () => {
    const flagsOf = (entry: Entry) => (encodeEntry('ns', entry)['body'] as Uint8Array)[1];
    expect(flagsOf(entryOf([setData('/a', new Uint8Array(700))]))).toBe(0);
    expect(flagsOf(entryOf([setData('/a', noiseOf(1500))]))).toBe(0);
    expect(flagsOf(entryOf([setData('/a', new Uint8Array(1500))]))).toBe(1);
    const large = encodeEntry('ns', entryOf([setData('/a', new Uint8Array(100_000))]));
    expect(writeUnits(itemSize(large))).toBe(1);
    expect(decodeEntry(large).txns[0]?.effect).toMatchObject({ data: new Uint8Array(100_000) });
  });

  it('says OPEN_ACL in one byte and a path like the one before in a few', () => {
    const create = (path: string, acl = OPEN_ACL): Txn => ({
      session: 2n ** 62n,
      cxid: 0,
      effect: { type: 'create', path, data: new Uint8Array(0), acl, ephemeralOwner: 0n },
    });
    const size = (...txns: Txn[]) => encodeBody(entryOf(txns)).length;
    const own = [{ perms: 31, scheme: 'world', id: 'x' }];
    expect(size(create('/a', own)) - size(create('/a'))).toBe(1 + 'world'.length + 1 + 'x'.length + 1);
    const long = '/' + 'p'.repeat(90);
    expect(size(create(long), create(long + '/b')) - size(create(long))).toBeLessThan(16);
  });

  it('does not exceed what its transactions were measured to be', () => {
    fc.assert(
      fc.property(arbitrary.entry, (entry) => {
        const measured = entry.txns.reduce((sum, txn) => sum + encodedTxnSize(txn), BODY_OVERHEAD_BYTES);
        const plain = encodeBody(entry).length;
        expect(plain).toBeLessThanOrEqual(measured);
      }),
    );
    const txn = setData('/a', new Uint8Array(100_000));
    expect(encodedTxnSize(txn)).toBeGreaterThan(100_000);
    expect(encodedTxnSize(txn)).toBeLessThan(100_100);
  });

  it('is refused when its body is too large for an item', () => {
    const entry = entryOf([setData('/a', noiseOf(ENTRY_BYTES_MAX))]);
    expect(() => encodeEntry('ns', entry)).toThrow(EntryFormatError);
  });
});

describe('an entry whose body lies in a blob', () => {
  it('names the blob, and is whole again with the body', () => {
    const bodyBlob = { blob: '00112233445566778899aabbccddeeff', length: 1_000_000 };
    const row = decodeRow(encodeEntryWithBlob('ns', GOLDEN_ENTRY, bodyBlob));
    const { counters, txns, ...header } = GOLDEN_ENTRY;
    expect(row).toEqual({ kind: 'blob', header, bodyBlob });
    expect(joinEntry(row.header, decodeBody(encodeBody({ counters, txns })))).toEqual(GOLDEN_ENTRY);
  });

  it('is not whole with the body of another entry', () => {
    const body = encodeBody(entryOf([setData('/a', new Uint8Array(1))]));
    expect(() => joinEntry(GOLDEN_ENTRY, decodeBody(body))).toThrow(EntryFormatError);
  });
});

describe('a stub', () => {
  it('keeps first, last, time and writer-batch id, and is no entry', () => {
    const stub = encodeStub('ns', GOLDEN_ENTRY);
    const header = { first: 41, last: 51, timeMs: 1_700_000_000_123, batchId: GOLDEN_ENTRY.batchId };
    expect(decodeRow(stub)).toEqual({ kind: 'stub', header });
    expect(decodeHeader(stub)).toEqual(header);
    expect(() => decodeEntry(stub)).toThrow(EntryFormatError);
  });
});

describe('bytes that are no entry of this format', () => {
  it('are refused when they are of a later version, or of none', () => {
    expect(() => decodeBody(Uint8Array.of(2, ...GOLDEN_BODY.subarray(1)))).toThrow(/unknown entry format 2/);
    expect(() => decodeBody(Uint8Array.of(1, 2, ...GOLDEN_BODY.subarray(2)))).toThrow(
      /unknown entry flags 2/,
    );
    expect(() => decodeBody(new Uint8Array(0))).toThrow(EntryFormatError);
  });

  it('are refused when cut off anywhere, or when something follows', () => {
    for (let length = 0; length < GOLDEN_BODY.length; length++) {
      expect(() => decodeBody(GOLDEN_BODY.subarray(0, length)), `${length} bytes`).toThrow(EntryFormatError);
    }
    expect(() => decodeBody(Buffer.concat([GOLDEN_BODY, Uint8Array.of(0)]))).toThrow(EntryFormatError);
  });

  it('are refused, or read as something else, but never break the reader', () => {
    fc.assert(
      fc.property(fc.nat(GOLDEN_BODY.length - 1), fc.nat(255), (offset, value) => {
        const damaged = Buffer.from(GOLDEN_BODY);
        damaged[offset] = value;
        try {
          decodeBody(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(EntryFormatError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('are refused as a row without its attributes', () => {
    const row = encodeEntry('ns', GOLDEN_ENTRY);
    for (const name of ['zxid', 'last', 't', 'w']) {
      expect(() => decodeRow({ ...row, [name]: undefined }), name).toThrow(EntryFormatError);
    }
    expect(() => decodeRow({ ...row, last: 40 })).toThrow(EntryFormatError);
    expect(() => decodeRow({ ...row, last: 52 })).toThrow(EntryFormatError);
  });

  it('are never written: a batch id or a number that the format cannot hold is refused', () => {
    expect(() => encodeEntry('ns', { ...GOLDEN_ENTRY, batchId: 'short' })).toThrow(EntryFormatError);
    expect(() => encodeEntry('ns', { ...GOLDEN_ENTRY, batchId: 'F'.repeat(32) })).toThrow(EntryFormatError);
    expect(() => encodeBody(entryOf([{ session: 0n, cxid: -1, effect: { type: 'noop' } }]))).toThrow(
      EntryFormatError,
    );
  });
});

/** Bytes that do not compress. */
function noiseOf(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 24;
  });
}
