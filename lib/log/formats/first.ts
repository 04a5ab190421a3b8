import type { Counters } from '../entry.js';
import type { ByteReader, ByteSink } from '../entry-bytes.js';
import { readTxn, writeTxn } from '../txn-codec.js';
import type { Format } from './format.js';

/** Counters, the number of transactions, and they; rows as the program works with them. */
export const FIRST_FORMAT: Format = {
  number: 1,
  writeBody: (sink, { counters, txns }) => {
    writeCounters(sink, counters);
    sink.varint(txns.length);
    for (const txn of txns) writeTxn(sink, txn);
  },
  readBody: (reader) => ({
    counters: readCounters(reader),
    txns: Array.from({ length: reader.count() }, () => readTxn(reader)),
  }),
  toStored: (row) => row,
  fromStored: (row) => row,
};

function writeCounters(sink: ByteSink, counters: Counters): void {
  sink.varint(counters.znodes);
  sink.varint(counters.sessions);
  sink.varint(counters.thinSessions);
  sink.varint(counters.bytes);
}

function readCounters(reader: ByteReader): Counters {
  return {
    znodes: reader.varint(),
    sessions: reader.varint(),
    thinSessions: reader.varint(),
    bytes: reader.varint(),
  };
}
