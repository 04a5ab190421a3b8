import { createHash } from 'node:crypto';
import { ipMatches, isIpExpression } from './ip.js';
import { ACL_BYTES_MAX } from './limits.js';
import { utf8Length } from './paths.js';
import { matchesPattern } from './pattern.js';
import type { Acl, AuthId } from './types.js';

/** How ids of one scheme work. */
interface Scheme {
  /** Whether an access control list may hold this id. */
  valid(id: string): boolean;
  /** Whether a caller's id is meant by an expression in an access control list. */
  matches(id: string, expression: string): boolean;
  /** Whether the scheme tells who somebody is, so that `auth` stands for its ids. An address does not. */
  readonly authenticates: boolean;
}

const exactly: Scheme = {
  valid: (id) => id !== '',
  matches: (id, expression) => id === expression,
  authenticates: true,
};

const SCHEMES: ReadonlyMap<string, Scheme> = new Map<string, Scheme>([
  ['digest', { ...exactly, valid: isDigestId }],
  ['ip', { valid: isIpExpression, matches: ipMatches, authenticates: false }],
  ['x509', exactly],
  ['sasl', { ...exactly, valid: isPrincipal }],
  ['iam', { ...exactly, matches: matchesPattern }],
]);

/** Two parts around a colon. Like Java's split, empty parts at the end do not count. */
function isDigestId(id: string): boolean {
  const parts = id.split(':');
  while (parts.length > 0 && parts[parts.length - 1] === '') parts.pop();
  return parts.length === 2;
}

/** A user's name, which may be that of Kerberos: with a host behind a slash, and a realm behind the only `@`. */
function isPrincipal(id: string): boolean {
  return !id.includes('@') || /^[^/@]*(\/[^/@]*)?@[^/@]*$/.test(id);
}

/** The id that scheme `digest` gives to a user: `user:base64(sha1(user:password))`. */
export function digestOf(user: string, password: string): string {
  const hash = createHash('sha1').update(`${user}:${password}`, 'utf8').digest('base64');
  return `${user}:${hash}`;
}

/**
 * Whether one of the permissions `perm` (a bit set of Perms) is granted to somebody with these ids. As in ZooKeeper an
 * empty list grants everything, and so does an id of scheme `super`.
 */
export function allows(acl: readonly Acl[], perm: number, authIds: readonly AuthId[]): boolean {
  if (acl.length === 0) return true;
  if (authIds.some((authId) => authId.scheme === 'super')) return true;
  return acl.some((entry) => (entry.perms & perm) !== 0 && concerns(entry, authIds));
}

function concerns(entry: Acl, authIds: readonly AuthId[]): boolean {
  if (isAnyone(entry)) return true;
  const scheme = SCHEMES.get(entry.scheme);
  if (scheme === undefined) return false;
  return authIds.some((authId) => authId.scheme === entry.scheme && scheme.matches(authId.id, entry.id));
}

function isAnyone(entry: { readonly scheme: string; readonly id: string }): boolean {
  return entry.scheme === 'world' && entry.id === 'anyone';
}

/**
 * The access control list as it is stored: duplicates are gone, and `auth` stands expanded to the ids of the caller.
 * `undefined` when the list is not valid (InvalidACL): empty, an unknown scheme, a malformed id, or `auth` by a caller
 * whom no scheme has authenticated; or longer than a record has room for.
 */
export function fixUpAcl(acl: readonly Acl[], authIds: readonly AuthId[]): readonly Acl[] | undefined {
  const stored: Acl[] = [];
  for (const entry of withoutDuplicates(acl)) {
    const entries = expand(entry, authIds);
    if (entries.length === 0) return undefined;
    stored.push(...entries);
  }
  return stored.length === 0 || storedBytes(stored) > ACL_BYTES_MAX ? undefined : stored;
}

/** Bytes as a record keeps the list, in JSON. Of short lists, which nearly all are, an upper bound. */
function storedBytes(acl: readonly Acl[]): number {
  const bound = acl.reduce(
    (sum, { scheme, id }) => sum + 32 + JSON_BYTES_MAX * (scheme.length + id.length),
    0,
  );
  if (bound <= ACL_BYTES_MAX) return bound;
  return utf8Length(JSON.stringify(acl.map(({ perms, scheme, id }) => [perms, scheme, id])));
}

/** Of one UTF-16 unit: a control character is written as an escape. */
const JSON_BYTES_MAX = 6;

function withoutDuplicates(acl: readonly Acl[]): Acl[] {
  const seen = new Map<string, Acl>();
  for (const entry of acl) {
    const key = JSON.stringify([entry.perms, entry.scheme, entry.id]);
    if (!seen.has(key)) seen.set(key, { perms: entry.perms, scheme: entry.scheme, id: entry.id });
  }
  return [...seen.values()];
}

/** What one entry is stored as; nothing when it is not valid. */
function expand(entry: Acl, authIds: readonly AuthId[]): readonly Acl[] {
  if (isAnyone(entry)) return [entry];
  if (entry.scheme === 'auth') {
    return authIds
      .filter((authId) => SCHEMES.get(authId.scheme)?.authenticates === true)
      .map((authId) => ({ perms: entry.perms, scheme: authId.scheme, id: authId.id }));
  }
  return SCHEMES.get(entry.scheme)?.valid(entry.id) === true ? [entry] : [];
}

/** The list as somebody without ADMIN gets to see it: passwords' digests are replaced by `x`. */
export function maskDigests(acl: readonly Acl[]): readonly Acl[] {
  return acl.map((entry) =>
    entry.scheme === 'digest' ? { ...entry, id: entry.id.replace(/:.*/, ':x') } : entry,
  );
}
