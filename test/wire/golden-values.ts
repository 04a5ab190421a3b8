import type { Acl, Stat } from '../../lib/core/types.js';
import {
  writeConnectRequest,
  writeConnectResponse,
  writeReplyHeader,
  writeRequestHeader,
  writeWatcherEvent,
  operations,
  readConnectRequest,
  readConnectResponse,
  readReplyHeader,
  readRequestHeader,
  readWatcherEvent,
  type JuteReader,
  type JuteWriter,
  type OperationName,
  type WireMultiResponse,
} from '../../lib/wire/index.js';

const stat: Stat = {
  czxid: 0x2_0000_0001,
  mzxid: 0x2_0000_0003,
  ctime: 1_700_000_000_123,
  mtime: 1_700_000_000_456,
  version: 1,
  cversion: -2,
  aversion: 3,
  ephemeralOwner: 0x100000000000001n,
  dataLength: 5,
  numChildren: 6,
  pzxid: 0x2_0000_0007,
};
const data = Buffer.from([1, 2, 3]);
const acl: readonly Acl[] = [
  { perms: 31, scheme: 'world', id: 'anyone' },
  { perms: 1, scheme: 'digest', id: 'bob:x' },
];
const watches = { relativeZxid: 99, dataWatches: ['/d'], existWatches: ['/e'], childWatches: ['/c'] };

/** The bodies that golden-bytes.ts holds, by `<operation>.request` and `<operation>.response`. */
export const GOLDEN_VALUES: Readonly<Record<string, unknown>> = {
  'create.request': { path: '/é', data, acl, flags: 3 },
  'create.response': { path: '/a0000000001' },
  'create2.response': { path: '/a', stat },
  'createTtl.request': { path: '/a', data, acl, flags: 5, ttlMs: 86_400_000 },
  'delete.request': { path: '/a', version: -1 },
  'exists.request': { path: '/a', watch: true },
  'exists.response': { stat },
  'getData.request': { path: '/a', watch: false },
  'getData.response': { data, stat },
  'setData.request': { path: '/a', data, version: 4 },
  'setData.response': { stat },
  'getAcl.request': { path: '/a' },
  'getAcl.response': { acl, stat },
  'setAcl.request': { path: '/a', acl, version: 2 },
  'setAcl.response': { stat },
  'getChildren.request': { path: '/a', watch: true },
  'getChildren.response': { children: ['b', 'c'] },
  'getChildren2.request': { path: '/a', watch: true },
  'getChildren2.response': { children: ['b', 'c'], stat },
  'getAllChildrenNumber.request': { path: '/a' },
  'getAllChildrenNumber.response': { totalNumber: 9 },
  'getEphemerals.request': { prefixPath: '/a' },
  'getEphemerals.response': { ephemerals: ['/a/b'] },
  'sync.request': { path: '/a' },
  'sync.response': { path: '/a' },
  'check.request': { path: '/a', version: 6 },
  'setWatches.request': watches,
  'setWatches2.request': { ...watches, persistentWatches: ['/p'], persistentRecursiveWatches: [] },
  'addWatch.request': { path: '/a', mode: 1 },
  'addWatch.response': { err: 0 },
  'checkWatches.request': { path: '/a', type: 3 },
  'removeWatches.request': { path: '/a', type: 2 },
  'auth.request': { type: 0, scheme: 'digest', auth: Buffer.from('bob:pw') },
  'sasl.request': { token: data },
  'sasl.response': { token: data },
  'whoAmI.response': { clientInfo: [{ authScheme: 'ip', user: '127.0.0.1' }] },
  'reconfig.request': { joiningServers: 'a', leavingServers: 'b', newMembers: '', currentConfigId: -1n },
  'reconfig.response': { data, stat },
  'multi.request': {
    operations: [
      { name: 'create', request: { path: '/a', data, acl, flags: 0 } },
      { name: 'delete', request: { path: '/b', version: 1 } },
      { name: 'setData', request: { path: '/c', data, version: 2 } },
      { name: 'check', request: { path: '/d', version: 3 } },
      { name: 'createTtl', request: { path: '/t', data, acl, flags: 5, ttlMs: 1000 } },
      { name: 'createContainer', request: { path: '/k', data, acl, flags: 4 } },
    ],
  },
  'multi.response': {
    results: [
      { name: 'create', path: '/a' },
      { name: 'create2', path: '/b', stat },
      { name: 'delete' },
      { name: 'setData', stat },
      { name: 'check' },
    ],
  },
  'multiRead.request': {
    operations: [
      { name: 'getData', request: { path: '/a', watch: false } },
      { name: 'getChildren', request: { path: '/b', watch: false } },
    ],
  },
  'multiRead.response': {
    results: [
      { name: 'getData', data, stat },
      { name: 'getChildren', children: ['b'] },
      { name: 'error', err: -101 },
    ],
  },
};

/** A record's two directions, whatever it is. */
export interface Codec {
  read(reader: JuteReader): unknown;
  write(writer: JuteWriter, value: unknown): void;
}

/** The codec of `<operation>.request`, `<operation>.response` or another golden record. */
export function codecOf(name: string): Codec {
  const other = OTHER_CODECS[name];
  if (other !== undefined) return other as Codec;
  const [operation, direction] = name.split('.') as [OperationName, string];
  const codec = operations[operation] as unknown as Record<string, unknown>;
  const half = direction === 'request' ? 'Request' : 'Response';
  return { read: codec[`read${half}`], write: codec[`write${half}`] } as Codec;
}

const OTHER_CODECS: Readonly<Record<string, unknown>> = {
  'connect.request': { read: readConnectRequest, write: writeConnectRequest },
  'connect.response': { read: readConnectResponse, write: writeConnectResponse },
  requestHeader: { read: readRequestHeader, write: writeRequestHeader },
  replyHeader: { read: readReplyHeader, write: writeReplyHeader },
  watcherEvent: { read: readWatcherEvent, write: writeWatcherEvent },
  'multi.errors': {
    read: (reader: JuteReader) => operations.multi.readResponse(reader),
    write: (writer: JuteWriter, body: WireMultiResponse) => operations.multi.writeResponse(writer, body),
  },
};

/** The golden records that are no operation's. */
export const OTHER_VALUES: Readonly<Record<string, unknown>> = {
  'connect.request': {
    protocolVersion: 0,
    lastZxidSeen: 77,
    timeoutMs: 10_000,
    session: 0x123456789an,
    password: Buffer.alloc(16),
    readOnly: undefined,
  },
  'connect.response': {
    protocolVersion: 0,
    timeoutMs: 10_000,
    session: 0x123456789an,
    password: Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
    readOnly: undefined,
  },
  requestHeader: { xid: 7, opcode: 14 },
  replyHeader: { xid: 7, zxid: -1, err: -101 },
  watcherEvent: { type: 3, state: 3, path: '/a' },
  'multi.errors': {
    results: [
      { name: 'error', err: 0 },
      { name: 'error', err: -110 },
      { name: 'error', err: -2 },
    ],
  },
};
