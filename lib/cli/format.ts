import type { Stat } from '../core/types.js';

/** Any value as one line of JSON; bigints, which are session ids here, as hexadecimal text. */
export function toJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, field: unknown) => (typeof field === 'bigint' ? hex(field) : field)) + '\n'
  );
}

/** A session id as ZooKeeper's tools write it. */
export function hex(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}

/** A stat, a field per line. */
export function formatStat(stat: Stat): string {
  const fields: [string, string | number][] = [
    ['czxid', stat.czxid],
    ['ctime', time(stat.ctime)],
    ['mzxid', stat.mzxid],
    ['mtime', time(stat.mtime)],
    ['pzxid', stat.pzxid],
    ['cversion', stat.cversion],
    ['version', stat.version],
    ['aversion', stat.aversion],
    ['ephemeralOwner', hex(stat.ephemeralOwner)],
    ['dataLength', stat.dataLength],
    ['numChildren', stat.numChildren],
  ];
  return fields.map(([name, value]) => `${name} = ${value}\n`).join('');
}

/** Ms since 1970 as ISO time; ZooKeeper's 0 of a znode that was always there as it stands. */
export function time(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/** Columns under headings, two spaces apart. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const lines = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return lines.map((line) => line.trimEnd() + '\n').join('');
}
