import { NAME_BYTES_MAX, PATH_BYTES_MAX, SEQUENCE_SUFFIX_BYTES_MAX } from './limits.js';

/** The znodes that every namespace has from the start and keeps: deleting one is BadArguments. */
export const RESERVED_PATHS = ['/', '/zookeeper', '/zookeeper/quota', '/zookeeper/config'] as const;

const RESERVED: ReadonlySet<string> = new Set(RESERVED_PATHS);

export function isReserved(path: string): boolean {
  return RESERVED.has(path);
}

/** The parent of a valid path; the root is its own parent. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

/** The last name in a valid path, '' for the root. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The path of a child. */
export function childOf(parent: string, name: string): string {
  return parent === '/' ? '/' + name : parent + '/' + name;
}

/**
 * Why a path cannot name a znode, or `undefined` when it can: ZooKeeper's rules, and the bounds of the tables. With
 * `sequential` it is the path before the suffix: it may end in a slash, and has to leave room for the longest suffix.
 */
export function validatePath(path: string, options?: { readonly sequential?: boolean }): string | undefined {
  if (path.length <= PLAIN_LENGTH_MAX && PLAIN.test(path)) return undefined;
  const sequential = options?.sequential ?? false;
  if (path.length === 0) return 'a path must not be empty';
  if (!path.startsWith('/')) return 'a path must start with /';
  if (path === '/' && !sequential) return undefined;
  const whole = sequential ? path + '0'.repeat(SEQUENCE_SUFFIX_BYTES_MAX) : path;
  if (whole.endsWith('/')) return 'a path must not end with /';
  return invalidName(whole) ?? invalidCharacter(whole) ?? invalidLength(whole);
}

/** Most paths, and valid whatever comes after them: names of letters, digits, - and _, with dots but in front. */
const PLAIN = /^(?:\/[\w-][\w.-]*)+$/;
/** So short that neither the whole nor a name can be too long, with the longest suffix. */
const PLAIN_LENGTH_MAX = Math.floor(NAME_BYTES_MAX / 3) - SEQUENCE_SUFFIX_BYTES_MAX;

function invalidName(path: string): string | undefined {
  for (const name of path.slice(1).split('/')) {
    if (name === '') return 'a path must not have an empty name in it';
    if (name === '.' || name === '..') return 'a path must not have . or .. in it';
  }
  return undefined;
}

/** ZooKeeper looks at UTF-16 units, so everything beyond the basic plane is banned with the surrogates. */
const BANNED = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/;

function invalidCharacter(path: string): string | undefined {
  const at = path.search(BANNED);
  if (at < 0) return undefined;
  const code = path.charCodeAt(at).toString(16).toUpperCase().padStart(4, '0');
  return `a path must not have the character U+${code} in it (at ${at})`;
}

function invalidLength(path: string): string | undefined {
  // A character takes at most three bytes here, so short paths need no counting.
  if (path.length * 3 <= NAME_BYTES_MAX) return undefined;
  if (utf8Length(path) > PATH_BYTES_MAX) return `a path must not be longer than ${PATH_BYTES_MAX} bytes`;
  for (const name of path.split('/')) {
    if (utf8Length(name) > NAME_BYTES_MAX) return `a name must not be longer than ${NAME_BYTES_MAX} bytes`;
  }
  return undefined;
}

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** Java's `%010d`: padded with zeros to ten characters, the sign of an overflown counter among them. */
export function sequenceSuffix(creates: number): string {
  const digits = String(Math.abs(creates));
  return creates < 0 ? '-' + digits.padStart(9, '0') : digits.padStart(10, '0');
}
