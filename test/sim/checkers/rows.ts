import { FullState } from '../../../lib/core/full-state.js';
import { apply } from '../../../lib/core/machine.js';
import { blobsOfEntry } from '../../../lib/keeper/blob-references.js';
import {
  isTombstone,
  nodeOfRow,
  pathOfEphemeralRow,
  sessionOfRow,
  watermarkOfRow,
} from '../../../lib/keeper/rows.js';
import type { Item } from '../../../lib/log/store.js';
import type { Run } from './index.js';
import { comparable } from './operations.js';

/** When everything has been materialized, the rows are what a replay of the log gives: every record, and none besides. */
export function checkRows({ log, tables, namespace }: Run): readonly string[] {
  const faults: string[] = [];
  const state = new FullState();
  for (const { txn, position } of log.transactions) apply(txn, position, state);
  const rows = tables.dump('state').filter((row) => !isTombstone(row));
  const of = (kind: string) => {
    const prefix = `${namespace}#${kind}#`;
    return rows.flatMap((row) => {
      const partition = String(row['pk']);
      return partition.startsWith(prefix) ? [{ row, rest: partition.slice(prefix.length) }] : [];
    });
  };
  const compare = (
    what: string,
    found: ReadonlyMap<string, unknown>,
    wanted: ReadonlyMap<string, unknown>,
  ) => {
    for (const [key, value] of wanted) {
      if (!found.has(key)) faults.push(`the row of ${what} ${key} is missing`);
      else if (comparable(found.get(key)) !== comparable(value))
        faults.push(`the row of ${what} ${key} is wrong`);
    }
    for (const key of found.keys())
      if (!wanted.has(key)) faults.push(`there is a row of ${what} ${key}, which is gone`);
  };
  const genesis = new Set(new FullState().paths());
  const paths = [...state.paths()].filter((path) => !genesis.has(path) || state.node(path)?.zxid !== 0);
  const nodes = new Map(of('node').map(({ row, rest }) => [rest, nodeOfRow(row)]));
  compare('znode', nodes, new Map(paths.map((path) => [path, state.node(path)])));
  const children = new Map(of('children').map(({ row, rest }) => [`${rest} ${String(row['sk'])}`, true]));
  compare(
    'child',
    children,
    new Map(
      paths.filter((path) => !genesis.has(path)).map((path) => [`${parentOf(path)} ${nameOf(path)}`, true]),
    ),
  );
  const sessions = new Map(of('sessions').map(({ row }) => [String(row['sk']), sessionOfRow(row)]));
  compare(
    'session',
    sessions,
    new Map([...state.sessions()].map((one) => [one.toString(16), state.session(one)])),
  );
  const ephemerals = new Map(
    of('ephemerals').map(({ row, rest }) => [`${rest} ${pathOfEphemeralRow(row)}`, true]),
  );
  const owned = paths.filter((path) => (state.node(path)?.ephemeralOwner ?? 0n) !== 0n);
  compare(
    'ephemeral',
    ephemerals,
    new Map(owned.map((path) => [`${state.node(path)!.ephemeralOwner.toString(16)} ${path}`, true])),
  );
  const watermark = rows.find((row) => row['pk'] === `${namespace}#watermark`);
  const end = log.transactions.length;
  if (watermark === undefined || watermarkOfRow(watermark).zxid !== end)
    faults.push(`the watermark is not at ${end}`);
  return faults;
}

/**
 * Days after the last session has ended, nothing is left that belongs to nobody: no lease, no connection, no record of a session, no
 * blob that no entry names, nothing on the list of blobs that may be garbage. Left out is what docs/CORRECTNESS.md names as known.
 */
export function checkOrphans({ log, tables, namespace }: Run): readonly string[] {
  const left = (table: 'leases' | 'watches' | 'state', kinds: readonly string[]): Item[] =>
    tables
      .dump(table)
      .filter((row) => kinds.some((kind) => String(row['pk']).startsWith(`${namespace}#${kind}`)));
  const named = new Set(log.entries.flatMap(blobsOfEntry).map(({ blob }) => blob));
  for (const row of tables.dump('log')) if (typeof row['bb'] === 'string') named.add(row['bb']);
  const orphans = [
    ...left('leases', ['gateways', 'lease#', 'timers']),
    ...left('watches', ['connection']),
    ...left('state', ['garbage']),
    ...left('state', ['blob#']).filter(
      (row) => !named.has(String(row['pk']).slice(`${namespace}#blob#`.length)),
    ),
    ...withoutOwner({ log, tables, namespace }),
  ];
  return orphans.map((row) => `nobody needs the row ${String(row['pk'])} ${String(row['sk'])} any more`);
}

/**
 * Watches, and gateways' rows of sessions, that were there when their session ended: they go with it. Those that an interrupted request
 * writes after that are known to stay until somebody comes upon them, so only rows of sessions that never were are found here.
 */
function withoutOwner({ log, tables, namespace }: Pick<Run, 'log' | 'tables' | 'namespace'>): Item[] {
  const opened = new Set<string>();
  for (const { txn } of log.transactions) {
    if (txn.effect.type === 'createSession') opened.add(txn.effect.session.toString(16));
  }
  const isOfNobody = (session: string) => !opened.has(session);
  return [
    ...tables.dump('watches').filter((row) => {
      const [, session] = new RegExp(`^${namespace}#session#([0-9a-f]+)$`).exec(String(row['pk'])) ?? [];
      return session !== undefined && isOfNobody(session);
    }),
    ...tables.dump('leases').filter((row) => {
      return String(row['pk']).startsWith(`${namespace}#gateway#`) && isOfNobody(String(row['sk']));
    }),
  ];
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
