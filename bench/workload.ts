import { OPEN_ACL } from '../lib/core/types.js';
import { CreateFlags, operations, writeRequestMessage } from '../lib/wire/index.js';
import type { WriteRequest } from './driver.js';

export const OPERATIONS = ['get', 'set', 'create', 'mixed'] as const;
export type OperationName = (typeof OPERATIONS)[number];

/** Znodes that reads and overwrites are spread over. */
export const NODES = 1000;
/** Of ten `mixed` requests, this many are reads. */
const MIXED_READS = 9;

/** The requests of one operation on the znodes below `root`. */
export function requestsOf(name: OperationName, root: string, size: number): WriteRequest {
  const data = Buffer.alloc(size, 'x');
  let reads = 0;
  const get: WriteRequest = (writer, xid) => {
    const body = { path: `${root}/n${reads++ % NODES}`, watch: false };
    writeRequestMessage(writer, { xid, operation: operations.getData, body });
  };
  let overwrites = 0;
  const set: WriteRequest = (writer, xid) => {
    const body = { path: `${root}/n${overwrites++ % NODES}`, data, version: -1 };
    writeRequestMessage(writer, { xid, operation: operations.setData, body });
  };
  const createPath = `${root}/created/c-`;
  const create: WriteRequest = (writer, xid) => {
    const body = { path: createPath, data, acl: OPEN_ACL, flags: CreateFlags.persistentSequential };
    writeRequestMessage(writer, { xid, operation: operations.create, body });
  };
  let mixedTurn = 0;
  const mixed: WriteRequest = (writer, xid) => (mixedTurn++ % 10 < MIXED_READS ? get : set)(writer, xid);
  return { get, set, create, mixed }[name];
}
