import { createHash } from 'node:crypto';

import { digestOf } from '../core/acl.js';
import type { AuthId } from '../core/types.js';

/**
 * Who an auth packet proves the connection to be, or `undefined` when the scheme is not known or its proof is not good.
 * `digest` takes `user:password` and vouches for the user under a hash of both, so nobody is asked to know the
 * password beforehand; `ip` vouches for the peer's address, which every connection has anyway.
 */
export function authenticate(input: {
  readonly scheme: string;
  readonly proof: Uint8Array;
  readonly address: string;
}): AuthId | undefined {
  if (input.scheme === 'ip') return { scheme: 'ip', id: input.address };
  if (input.scheme !== 'digest') return undefined;
  const credentials = Buffer.from(input.proof).toString('utf8');
  const colon = credentials.indexOf(':');
  if (colon < 0) return { scheme: 'digest', id: digestOfWhole(credentials) };
  return { scheme: 'digest', id: digestOf(credentials.slice(0, colon), credentials.slice(colon + 1)) };
}

/** Without a colon all of it is the user, and all of it is what is hashed. */
function digestOfWhole(user: string): string {
  return `${user}:${createHash('sha1').update(user, 'utf8').digest('base64')}`;
}

/** A peer's address without the notation for IPv4 in IPv6, so that `ip:127.0.0.1` matches on a dual-stack socket. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped?.[1] ?? address;
}
