import { createHash } from 'node:crypto';

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
  return { scheme: 'digest', id: digestId(credentials) };
}

/** `user:password` → `user:base64(sha1(user:password))`, the id that digest ACLs hold. */
export function digestId(credentials: string): string {
  const user = credentials.split(':', 1)[0] ?? '';
  return `${user}:${createHash('sha1').update(credentials, 'utf8').digest('base64')}`;
}

/** A peer's address without the notation for IPv4 in IPv6, so that `ip:127.0.0.1` matches on a dual-stack socket. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped?.[1] ?? address;
}
