/**
 * Two releases in one process: this one, and the next as it may be, with a second format. Each has modules of its own, as two processes
 * have; they meet in the store alone.
 */
import { vi } from 'vitest';
import type { ByteReader, ByteSink } from '../../lib/log/entry-bytes.js';
import { FIRST_FORMAT } from '../../lib/log/formats/first.js';
import type { Format } from '../../lib/log/formats/format.js';
import * as store from '../../lib/log/store.js';
import type { Item } from '../../lib/log/store.js';

/** What the second format says of an entry, and the first does not. */
const ADDED_FIELD = 'written by the next release';

/** A row of the second format has its numbers in one attribute. */
const STAT_ATTRIBUTES = ['cz', 'mz', 'pz', 'ct', 'mt', 'v', 'c', 'av', 'n'] as const;
const COUNTER_ATTRIBUTES = ['znodes', 'sessions', 'thin', 'bytes'] as const;
const SESSION_ATTRIBUTES = ['e', 't', 'x'] as const;

function attributesOf(row: Item): readonly string[] {
  const kind = String(row['pk']).split('#')[1];
  if (kind === 'node') return STAT_ATTRIBUTES;
  if (kind === 'watermark') return COUNTER_ATTRIBUTES;
  return kind === 'sessions' ? SESSION_ATTRIBUTES : [];
}

const SECOND_FORMAT: Format = {
  number: 2,
  writeBody(sink: ByteSink, body) {
    sink.text(ADDED_FIELD);
    FIRST_FORMAT.writeBody(sink, body);
  },
  readBody(reader: ByteReader) {
    if (reader.text() !== ADDED_FIELD) throw new Error('the field is not where the format has it');
    return FIRST_FORMAT.readBody(reader);
  },
  toStored(row) {
    const names = row['gone'] === true ? [] : attributesOf(row);
    if (names.length === 0) return row;
    const others = Object.entries(row).filter(([name]) => !names.includes(name));
    return { ...Object.fromEntries(others), all: names.map((name) => String(row[name])).join(' ') };
  },
  fromStored({ all, ...row }) {
    if (typeof all !== 'string') return row;
    const numbers = all.split(' ').map(Number);
    return { ...row, ...Object.fromEntries(attributesOf(row).map((name, at) => [name, numbers[at]])) };
  },
};

async function load(formats: readonly Format[]) {
  vi.resetModules();
  // Errors of the store are told apart by their class: one store, one class.
  vi.doMock('../../lib/log/store.js', () => store);
  vi.doMock('../../lib/log/formats/all.js', () => ({ FORMATS: formats, FORMAT_UNSWITCHED: 1 }));
  const modules = {
    ...(await import('../../lib/keeper/keeper.js')),
    ...(await import('../../lib/keeper/materializer.js')),
    ...(await import('../../lib/keeper/registry.js')),
    ...(await import('../../lib/keeper/sessions.js')),
    ...(await import('../../lib/keeper/blobs.js')),
    ...(await import('../../lib/keeper/log-rows.js')),
  };
  vi.doUnmock('../../lib/log/store.js');
  vi.doUnmock('../../lib/log/formats/all.js');
  return modules;
}

export type Release = Awaited<ReturnType<typeof load>>;

/** This release, and one that knows a later format too. */
export async function loadReleases(): Promise<{ older: Release; newer: Release }> {
  return { older: await load([FIRST_FORMAT]), newer: await load([FIRST_FORMAT, SECOND_FORMAT]) };
}
