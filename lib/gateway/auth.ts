import { createHash } from 'node:crypto';

import type { Random } from '../base/random.js';
import { digestOf } from '../core/acl.js';
import type { AuthId } from '../core/types.js';
import { DigestMd5, type SaslStep } from './sasl/digest-md5.js';

/** Whom a gateway knows. Everything may be left out. */
export interface AuthSettings {
  /** `user:base64(sha1(user:password))`, ZooKeeper's superDigest: who proves to be that may do everything. */
  readonly superDigest?: string | undefined;
  /** Users of SASL DIGEST-MD5, with their passwords. Without any, `sasl` vouches for nobody. */
  readonly saslUsers?: Readonly<Record<string, string>> | undefined;
  /** The one of them who may do everything, ZooKeeper's superUser. */
  readonly superUser?: string | undefined;
  /** Whether a session is closed that asks for anything before it has authenticated by SASL. */
  readonly requireSasl?: boolean | undefined;
}

export const SUPER: AuthId = { scheme: 'super', id: '' };

/**
 * Who an auth packet proves the connection to be, or `undefined` when the scheme is not known or its proof is not good.
 * `digest` takes `user:password` and vouches for the user under a hash of both, so nobody is asked to know the
 * password beforehand; `ip` vouches for the peer's address, which every connection has anyway.
 */
export function authenticate(input: {
  readonly scheme: string;
  readonly proof: Uint8Array;
  readonly address: string;
  readonly settings: AuthSettings;
}): readonly AuthId[] | undefined {
  if (input.scheme === 'ip') return [{ scheme: 'ip', id: input.address }];
  if (input.scheme !== 'digest') return undefined;
  const id = digestIdOf(Buffer.from(input.proof).toString('utf8'));
  const own = { scheme: 'digest', id };
  return id === input.settings.superDigest ? [SUPER, own] : [own];
}

/** Without a colon all of it is the user, and all of it is what is hashed. */
function digestIdOf(credentials: string): string {
  const colon = credentials.indexOf(':');
  if (colon >= 0) return digestOf(credentials.slice(0, colon), credentials.slice(colon + 1));
  return `${credentials}:${createHash('sha1').update(credentials, 'utf8').digest('base64')}`;
}

/** How one connection comes to its ids. */
export class ConnectionAuthentication {
  readonly #settings: AuthSettings;
  readonly #mechanism: DigestMd5 | undefined;
  #hasSasl = false;

  constructor(settings: AuthSettings, random: Random) {
    this.#settings = settings;
    const users = Object.entries(settings.saslUsers ?? {});
    this.#mechanism = users.length === 0 ? undefined : new DigestMd5(new Map(users), random);
  }

  /** Whether it has to authenticate by SASL before anything else is answered. */
  get isSaslDue(): boolean {
    return this.#settings.requireSasl === true && !this.#hasSasl;
  }

  /** The ids that an auth packet proves; `undefined` when it proves none. */
  prove(scheme: string, { proof, address }: { proof: Uint8Array; address: string }) {
    return authenticate({ scheme, proof, address, settings: this.#settings });
  }

  /** The next step of SASL; `undefined` where there are no users. */
  sasl(token: Uint8Array): (SaslStep & { readonly ids?: readonly AuthId[] }) | undefined {
    const step = this.#mechanism?.step(token);
    if (step?.kind !== 'done') return step;
    this.#hasSasl = true;
    const own = { scheme: 'sasl', id: step.user };
    return { ...step, ids: step.user === this.#settings.superUser ? [own, SUPER] : [own] };
  }
}

/** A peer's address without the notation for IPv4 in IPv6, so that `ip:127.0.0.1` matches on a dual-stack socket. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped?.[1] ?? address;
}
