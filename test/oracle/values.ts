import { createHash } from 'node:crypto';

import { NULL_DATA, type Acl } from '../../lib/core/types.js';
import { CreateFlags, WatcherType, AddWatchMode } from '../../lib/wire/index.js';
import type { Choose } from './choose.js';
import { ROOT } from './program.js';

const NAMES = ['a', 'b', 'c'] as const;
/** Names that sequential creates give, so that programs come back to them. */
const SEQUENTIAL_NAMES = ['s-0000000000', 's-0000000001', 's-0000000002'] as const;

/**
 * Paths that are wrong, or that nobody may touch; neither the empty path nor characters beyond U+FFFF, about which the two do not
 * agree ("Paths that no client sends" in docs/COMPATIBILITY.md). None of them names a znode that programs share and could change for each
 * other.
 */
const STRANGE_PATHS = [
  'a',
  `${ROOT}/a/`,
  `${ROOT}//a`,
  `${ROOT}/.`,
  `${ROOT}/a/..`,
  `${ROOT}/a/./b`,
  `${ROOT}/nul\u0000`,
  `${ROOT}/bell\u0007`,
  `${ROOT}/del\u007f`,
  `${ROOT}/private\ue000`,
  `${ROOT}/specials\ufff0`,
  '/zookeeper/nobody/here',
  '//',
  '/nobody/here',
] as const;

/** Legal, though not what most people call their znodes. */
const UNUSUAL_NAMES = ['é', '日本', ' ', '...', '%0a', 'zookeeper', 'quota'] as const;

const VERSIONS = [-1, -1, -1, 0, 0, 1, 2, 3, -2, 2_147_483_647] as const;

const DATA = [NULL_DATA, ...['', 'x', 'hello', 'x'.repeat(300)].map((text) => Buffer.from(text))];

export const USERS = ['ann:secret', 'ben:hidden'] as const;

/** The one of scheme digest who may do everything. */
export const SUPER_USER = 'root:powerful';

/** Users of SASL, with their passwords, and the one of them who may do everything. */
export const SASL_USERS = { sam: 'sams own', eve: 'eves', boss: 'bosses' } as const;
export const SASL_SUPER_USER = 'boss';

/**
 * What makes an answer to a challenge a wrong one, or one that is unusual. What ZooKeeper lets pass and should not is left out ("Names
 * that SASL users give themselves" in docs/COMPATIBILITY.md).
 */
export const SASL_MISTAKES: readonly {
  readonly user?: string;
  readonly password?: string;
  readonly first?: string;
  readonly second?: string;
  readonly change?: Readonly<Record<string, string>>;
}[] = [
  { first: 'token' },
  { second: '' },
  { second: 'token' },
  { second: 'username="sam' },
  { password: 'wrong' },
  { password: '' },
  { user: 'nobody' },
  { change: { nonce: '"another"' } },
  { change: { realm: '"elsewhere"' } },
  { change: { qop: 'auth-int' } },
  { change: { response: '0'.repeat(32) } },
  { change: { charset: 'latin-1' } },
  { change: { 'digest-uri': '"ldap/elsewhere"' } },
  { change: { cnonce: '""' } },
];

/** The id that scheme digest makes of `user:password`. */
export function digestId(credentials: string): string {
  const user = credentials.slice(0, credentials.indexOf(':'));
  return `${user}:${createHash('sha1').update(credentials).digest('base64')}`;
}

const ALL = 31;
const ACL_IDS = [
  { scheme: 'world', id: 'anyone' },
  { scheme: 'world', id: 'anyone' },
  { scheme: 'auth', id: '' },
  { scheme: 'digest', id: digestId(USERS[0]) },
  { scheme: 'digest', id: digestId(USERS[1]) },
  { scheme: 'ip', id: '127.0.0.1' },
  { scheme: 'ip', id: '127.0.0.0/8' },
  { scheme: 'ip', id: '10.1.2.3' },
  { scheme: 'sasl', id: 'sam' },
  { scheme: 'sasl', id: 'eve' },
] as const;
const STRANGE_ACL_IDS = [
  { scheme: 'world', id: 'somebody' },
  { scheme: 'world', id: '' },
  { scheme: 'auth', id: 'ignored' },
  { scheme: 'digest', id: 'nocolon' },
  { scheme: 'digest', id: 'too:many:colons' },
  { scheme: 'digest', id: '' },
  { scheme: 'ip', id: '999.1.1.1' },
  { scheme: 'ip', id: '10.0.0.0/33' },
  { scheme: 'ip', id: '' },
  { scheme: 'sasl', id: '' },
  { scheme: 'sasl', id: 'sam@HERE' },
  { scheme: 'sasl', id: 'sam/host@HERE' },
  { scheme: 'sasl', id: 'sam@here@there' },
  { scheme: 'super', id: '' },
  { scheme: 'x509', id: 'CN=x' },
  { scheme: 'x509', id: 'CN=x,O=y' },
  { scheme: 'nosuchscheme', id: 'x' },
  { scheme: '', id: '' },
] as const;
const PERMS = [ALL, ALL, ALL, 1, 2, 4, 8, 16, 3, 15, 30, 0] as const;

export const OPEN_ACL: readonly Acl[] = [{ perms: ALL, scheme: 'world', id: 'anyone' }];

export function path(choose: Choose): string {
  if (choose.chance(0.06)) return choose.one(STRANGE_PATHS);
  if (choose.chance(0.04)) return ROOT;
  const depth = choose.weighted({ one: 5, two: 4, three: 1 });
  const names = [name(choose)];
  if (depth !== 'one') names.push(name(choose));
  if (depth === 'three') names.push(name(choose));
  return `${ROOT}/${names.join('/')}`;
}

/** Paths of most programs' requests, parents first. */
export function commonPaths(choose: Choose): string[] {
  const tops = NAMES.filter(() => choose.chance(0.7)).map((top) => `${ROOT}/${top}`);
  const below = tops.flatMap((top) =>
    NAMES.filter(() => choose.chance(0.3)).map((child) => `${top}/${child}`),
  );
  return [...tops, ...below];
}

function name(choose: Choose): string {
  if (choose.chance(0.08)) return choose.one(SEQUENTIAL_NAMES);
  if (choose.chance(0.03)) return choose.one(UNUSUAL_NAMES);
  return choose.one(NAMES);
}

/** Where a sequential znode is to be: half of the time in a directory, as nobody else has it. */
export function sequentialPath(choose: Choose): string {
  const parent = choose.chance(0.5) ? ROOT : `${ROOT}/${choose.one(NAMES)}`;
  return choose.chance(0.1) ? `${parent}/` : `${parent}/s-`;
}

/** Paths that no znode has to have. They are not shared: the tops of the tree are the same for all programs. */
export function paths(choose: Choose, most: number): string[] {
  return Array.from({ length: choose.integer(0, most) }, () => path(choose));
}

export function version(choose: Choose): number {
  return choose.one(VERSIONS);
}

export function data(choose: Choose): Uint8Array {
  return choose.one(DATA);
}

export function acl(choose: Choose): readonly Acl[] {
  if (choose.chance(0.65)) return OPEN_ACL;
  if (choose.chance(0.05)) return [];
  const ids = choose.chance(0.12) ? [...ACL_IDS, ...STRANGE_ACL_IDS, ...STRANGE_ACL_IDS] : ACL_IDS;
  const strangePerms = choose.chance(0.03);
  return choose.some(ids, { least: 1, most: 3 }).map((id) => ({
    perms: strangePerms ? choose.one([-1, 32, 64, 255]) : choose.one(PERMS),
    ...id,
  }));
}

export function createFlags(choose: Choose): number {
  if (choose.chance(0.04)) return choose.one([4, 5, 6, 7, -1, 255]);
  return choose.one([
    CreateFlags.persistent,
    CreateFlags.persistent,
    CreateFlags.ephemeral,
    CreateFlags.persistentSequential,
    CreateFlags.ephemeralSequential,
  ]);
}

export function watcherType(choose: Choose): number {
  if (choose.chance(0.1)) return choose.one([0, 6, -1]);
  return choose.one(Object.values(WatcherType));
}

export function watchMode(choose: Choose): number {
  if (choose.chance(0.06)) return choose.one([2, -1]);
  return choose.one(Object.values(AddWatchMode));
}
