/**
 * The server's side of SASL DIGEST-MD5 (RFC 2831) as far as clients of ZooKeeper use it: authentication alone, without a layer of
 * integrity or secrecy, and without authentication anew from an earlier nonce. MD5 is what the mechanism is; on an open network it
 * belongs behind TLS.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Random } from '../../base/random.js';
import { parseDirectives } from './directives.js';

/** What ZooKeeper's servers call themselves. */
const REALM = 'zk-sasl-md5';
const NONCE_BYTES = 24;
/** Bytes of a client's response at most. */
const RESPONSE_BYTES_MAX = 4096;

export type SaslStep =
  | { readonly kind: 'challenge'; readonly token: Uint8Array }
  | { readonly kind: 'done'; readonly token: Uint8Array; readonly user: string }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * One authentication: a first token that says nothing, a challenge, a response, and the server's own proof that it knows the password.
 * There is one on a connection, as in ZooKeeper.
 */
export class DigestMd5 {
  readonly #passwords: ReadonlyMap<string, string>;
  readonly #random: Random;
  #nonce: string | undefined;
  #isOver = false;

  constructor(passwords: ReadonlyMap<string, string>, random: Random) {
    this.#passwords = passwords;
    this.#random = random;
  }

  step(token: Uint8Array): SaslStep {
    // One challenge is good for one response.
    if (this.#isOver) return { kind: 'failed', reason: 'the connection has authenticated before' };
    if (this.#nonce === undefined) return this.#challenge();
    this.#isOver = true;
    return this.#check(token, this.#nonce);
  }

  /** Whatever the first token is: Java's mechanism looks at it as little. */
  #challenge(): SaslStep {
    const nonce = (this.#nonce = Buffer.from(this.#random.bytes(NONCE_BYTES)).toString('base64'));
    const text = `realm="${REALM}",nonce="${nonce}",charset=utf-8,algorithm=md5-sess`;
    return { kind: 'challenge', token: Buffer.from(text) };
  }

  #check(token: Uint8Array, nonce: string): SaslStep {
    if (token.length > RESPONSE_BYTES_MAX) return { kind: 'failed', reason: 'the response is too long' };
    const response = parseDirectives(Buffer.from(token).toString('utf8'));
    if (response === undefined) return { kind: 'failed', reason: 'the response cannot be read' };
    const wrong = refusalOf(response, nonce);
    if (wrong !== undefined) return { kind: 'failed', reason: wrong };
    const user = response.get('username') ?? '';
    const password = this.#passwords.get(user);
    // The digest is computed for nobody, too, so that the time it takes tells nothing of who there is.
    const secret = secretOf({ response, user, password: password ?? '', nonce });
    const expected = digest({ response, secret, nonce, method: 'AUTHENTICATE' });
    if (password === undefined || !equal(expected, response.get('response') ?? '')) {
      return { kind: 'failed', reason: 'no such user, or another password' };
    }
    const proof = digest({ response, secret, nonce, method: '' });
    return { kind: 'done', user, token: Buffer.from(`rspauth=${proof}`) };
  }
}

type Response = ReadonlyMap<string, string>;

function refusalOf(response: Response, nonce: string): string | undefined {
  const user = response.get('username');
  if (user === undefined || user === '') return 'the response names no user';
  if (response.get('nonce') !== nonce) return 'the response is to another challenge';
  if (response.get('nc') !== '00000001') return 'the challenge was answered before';
  if ((response.get('cnonce') ?? '') === '') return 'the response has no nonce of its own';
  if ((response.get('qop') ?? 'auth') !== 'auth') return 'only authentication is to be had';
  if ((response.get('realm') ?? '') !== REALM) return 'the response is for another realm';
  if ((response.get('charset') ?? 'utf-8') !== 'utf-8') return 'names are written in utf-8';
  const authorizes = response.get('authzid') ?? '';
  return authorizes === '' || authorizes === user ? undefined : 'nobody may act for somebody else';
}

/** The mechanism's A1: user, realm and password as one hash, then the nonces. */
function secretOf(input: { response: Response; user: string; password: string; nonce: string }): Buffer {
  const { response, user, password, nonce } = input;
  const who = createHash('md5')
    .update(latin1IfPossible(`${user}:${REALM}:${password}`))
    .digest();
  const authorizes = response.get('authzid');
  const rest = `:${nonce}:${response.get('cnonce') ?? ''}${authorizes === undefined ? '' : `:${authorizes}`}`;
  return createHash('md5')
    .update(Buffer.concat([who, Buffer.from(rest)]))
    .digest();
}

function digest(input: { response: Response; secret: Buffer; nonce: string; method: string }): string {
  const { response, secret, nonce, method } = input;
  const what = md5Hex(`${method}:${response.get('digest-uri') ?? ''}`);
  const nonces = `${nonce}:00000001:${response.get('cnonce') ?? ''}`;
  return md5Hex(`${secret.toString('hex')}:${nonces}:auth:${what}`);
}

function md5Hex(text: string): string {
  return createHash('md5').update(text, 'utf8').digest('hex');
}

/** The RFC's rule, also with charset=utf-8: what ISO 8859-1 can say is hashed in it. */
function latin1IfPossible(text: string): Buffer {
  return Buffer.from(text, /^[\u0000-\u00ff]*$/.test(text) ? 'latin1' : 'utf8');
}

function equal(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}
