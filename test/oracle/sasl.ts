import { createHash } from 'node:crypto';

import { parseDirectives } from '../../lib/gateway/sasl/directives.js';
import type { Authenticate } from './program.js';

/** One answer for all: what makes it good for once is the server's nonce. */
const CNONCE = 'OA6MG9tEQGm2hhRe';
const URI = 'zookeeper/zk-sasl-md5';
const NONCE_COUNT = '00000001';

/** What a client sends to a challenge of DIGEST-MD5 (RFC 2831), and what a server that knows the password proves itself with. */
export interface Answer {
  readonly token: Buffer;
  readonly proof: string;
}

export function answerTo(challenge: string, who: Authenticate): Answer {
  const given = parseDirectives(challenge);
  const [realm = '', nonce = ''] = [given?.get('realm'), given?.get('nonce')];
  const { authzid, ...others } = who.change ?? {};
  const secret = Buffer.concat([
    md5(`${who.user}:${realm}:${who.password}`),
    Buffer.from(`:${nonce}:${CNONCE}${authzid === undefined ? '' : `:${authzid}`}`),
  ]);
  const digest = (method: string) =>
    md5(
      `${md5(secret).toString('hex')}:${nonce}:${NONCE_COUNT}:${CNONCE}:auth:${md5(`${method}:${URI}`).toString('hex')}`,
    ).toString('hex');
  const quoted = {
    ...{ username: who.user, realm, nonce, cnonce: CNONCE, 'digest-uri': URI },
    ...(authzid === undefined ? {} : { authzid }),
  };
  const plain = { charset: 'utf-8', maxbuf: '65536', nc: NONCE_COUNT, qop: 'auth' };
  const response = digest('AUTHENTICATE');
  const directives = new Map([
    ...Object.entries(quoted).map(([name, value]) => [name, `"${value}"`] as const),
    ...Object.entries({ ...plain, response, ...others }),
  ]);
  const token = [...directives].map(([name, value]) => `${name}=${value}`).join(',');
  return { token: Buffer.from(token), proof: `rspauth=${digest('')}` };
}

/** A challenge without what is random in it: its directives, and that the nonce is there. */
export function withoutNonce(challenge: string): unknown {
  const directives = parseDirectives(challenge);
  if (directives === undefined) return challenge;
  const nonce = (directives.get('nonce') ?? '').length > 0 ? 'some' : 'none';
  return Object.fromEntries([...directives, ['nonce', nonce] as const].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function md5(data: Buffer | string): Buffer {
  return createHash('md5').update(data).digest();
}
