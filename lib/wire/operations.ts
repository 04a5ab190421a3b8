import type { Operation } from './operation.js';
import { addWatch } from './operations/add-watch.js';
import { auth } from './operations/auth.js';
import { checkWatches } from './operations/check-watches.js';
import { check } from './operations/check.js';
import { closeSession } from './operations/close-session.js';
import { createContainer } from './operations/create-container.js';
import { createTtl } from './operations/create-ttl.js';
import { create } from './operations/create.js';
import { create2 } from './operations/create2.js';
import { deleteNode } from './operations/delete.js';
import { exists } from './operations/exists.js';
import { getAcl } from './operations/get-acl.js';
import { getAllChildrenNumber } from './operations/get-all-children-number.js';
import { getChildren } from './operations/get-children.js';
import { getChildren2 } from './operations/get-children2.js';
import { getData } from './operations/get-data.js';
import { getEphemerals } from './operations/get-ephemerals.js';
import { multiRead } from './operations/multi-read.js';
import { multi } from './operations/multi.js';
import { ping } from './operations/ping.js';
import { reconfig } from './operations/reconfig.js';
import { removeWatches } from './operations/remove-watches.js';
import { sasl } from './operations/sasl.js';
import { setAcl } from './operations/set-acl.js';
import { setData } from './operations/set-data.js';
import { setWatches } from './operations/set-watches.js';
import { setWatches2 } from './operations/set-watches2.js';
import { sync } from './operations/sync.js';
import { whoAmI } from './operations/who-am-i.js';

/** Every operation that a client may send. */
export const operations = {
  create,
  create2,
  createContainer,
  createTtl,
  delete: deleteNode,
  exists,
  getData,
  setData,
  getAcl,
  setAcl,
  getChildren,
  getChildren2,
  getAllChildrenNumber,
  getEphemerals,
  sync,
  multi,
  multiRead,
  check,
  setWatches,
  setWatches2,
  addWatch,
  checkWatches,
  removeWatches,
  ping,
  auth,
  sasl,
  whoAmI,
  reconfig,
  closeSession,
} as const;

export type Operations = typeof operations;
export type OperationName = keyof Operations;

/** The request of the operation `Name`, e.g. `RequestOf<'setData'>`. */
export type RequestOf<Name extends OperationName> =
  Operations[Name] extends Operation<infer Request, unknown> ? Request : never;

/** The response of the operation `Name`. */
export type ResponseOf<Name extends OperationName> = ReturnType<Operations[Name]['readResponse']>;

const namesByCode: ReadonlyMap<number, OperationName> = new Map(
  (Object.keys(operations) as OperationName[]).map((name) => [operations[name].code, name]),
);

/** The name of the operation with this code, or undefined for one that clients do not send. */
export function operationName(code: number): OperationName | undefined {
  return namesByCode.get(code);
}
