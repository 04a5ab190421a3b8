import { recordKey, type RecordKey } from './state.js';
import { NO_SESSION, OPEN_ACL, Perms, type Acl, type NodeRecord } from './types.js';

/** world:anyone may read, ZooKeeper's READ_ACL_UNSAFE: what /zookeeper/config has. */
export const READ_ACL: readonly Acl[] = [{ perms: Perms.read, scheme: 'world', id: 'anyone' }];

const EMPTY = new Uint8Array(0);

/** A znode that no transaction made: every zxid, time and counter is 0. */
function original(fields: Partial<NodeRecord>): NodeRecord {
  return {
    zxid: 0,
    czxid: 0,
    mzxid: 0,
    pzxid: 0,
    ctime: 0,
    mtime: 0,
    version: 0,
    creates: 0,
    aversion: 0,
    ephemeralOwner: NO_SESSION,
    numChildren: 0,
    acl: OPEN_ACL,
    data: EMPTY,
    ...fields,
  };
}

/**
 * The znodes at zxid 0, as a fresh ZooKeeper 3.9 in standalone mode has them. Its own children were not counted as
 * creates, which is why the cversion of `/` is −1 and that of /zookeeper −2; and the ACL of /zookeeper/config was set
 * with aversion −1.
 */
export const GENESIS_NODES: ReadonlyMap<string, NodeRecord> = new Map([
  ['/', original({ numChildren: 1 })],
  ['/zookeeper', original({ numChildren: 2 })],
  ['/zookeeper/quota', original({})],
  ['/zookeeper/config', original({ aversion: -1, acl: READ_ACL })],
]);

/** Children at zxid 0. Every path that is not in here has none. */
export const GENESIS_CHILDREN: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['/', new Set(['zookeeper'])],
  ['/zookeeper', new Set(['quota', 'config'])],
]);

const BY_KEY: ReadonlyMap<RecordKey, NodeRecord> = new Map(
  [...GENESIS_NODES].map(([path, record]) => [recordKey.node(path), record]),
);

/** The record of a znode key (`n…`) at zxid 0, or `null` when there is none. Lists are in {@link GENESIS_CHILDREN}. */
export function genesisRecord(key: RecordKey): NodeRecord | null {
  return BY_KEY.get(key) ?? null;
}

/** Running totals at zxid 0. */
export const GENESIS_COUNTERS = {
  znodes: GENESIS_NODES.size,
  sessions: 0,
  thinSessions: 0,
  bytes: 0,
} as const;
