import type { NodeRecord, Stat, ZnodeData } from './types.js';

/** Java's `int` addition: counters wrap from 2^31 − 1 to −2^31. */
export function addInt32(value: number, by: number): number {
  return (value + by) | 0;
}

/** Bytes of a znode's data, wherever they are. */
export function dataLength(data: ZnodeData): number {
  return data.length;
}

/** The Stat that clients see. On the wire `cversion` counts creates and deletes of children: 2 · creates − numChildren. */
export function statOf(record: NodeRecord): Stat {
  return {
    czxid: record.czxid,
    mzxid: record.mzxid,
    ctime: record.ctime,
    mtime: record.mtime,
    version: record.version,
    cversion: (2 * record.creates - record.numChildren) | 0,
    aversion: record.aversion,
    ephemeralOwner: record.ephemeralOwner,
    dataLength: dataLength(record.data),
    numChildren: record.numChildren,
    pzxid: record.pzxid,
  };
}
