import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { seededRandom } from '../../lib/base/random.js';
import { digestOf } from '../../lib/core/acl.js';
import { ErrorCode } from '../../lib/core/errors.js';
import { OPEN_ACL } from '../../lib/core/types.js';
import { DigestMd5 } from '../../lib/gateway/sasl/digest-md5.js';
import { parseDirectives } from '../../lib/gateway/sasl/directives.js';
import type { AuthSettings } from '../../lib/gateway/auth.js';
import { startGateway } from './support/gateways.js';
import type { WireClient } from './support/wire-client.js';

const md5 = (data: Buffer | string) => createHash('md5').update(data).digest();

/** What a client answers, written down from RFC 2831 by another hand than the server's. */
function respond(
  challenge: string,
  who: { user: string; password: string; change?: Record<string, string> },
) {
  const given = parseDirectives(challenge)!;
  const [realm, nonce] = [given.get('realm')!, given.get('nonce')!];
  const fields: Record<string, string> = {
    nc: '00000001',
    cnonce: 'OA6MHXh6VqTrRd',
    uri: 'zookeeper/zk-sasl-md5',
  };
  const a1 = Buffer.concat([
    md5(`${who.user}:${realm}:${who.password}`),
    Buffer.from(`:${nonce}:${fields['cnonce']}`),
  ]);
  const proof = (method: string) =>
    md5(
      [
        md5(a1).toString('hex'),
        nonce,
        fields['nc'],
        fields['cnonce'],
        'auth',
        md5(`${method}:${fields['uri']}`).toString('hex'),
      ].join(':'),
    ).toString('hex');
  const sent: Record<string, string> = {
    ...{ username: `"${who.user}"`, realm: `"${realm}"`, nonce: `"${nonce}"`, nc: '00000001' },
    ...{ cnonce: `"${fields['cnonce']}"`, qop: 'auth', 'digest-uri': `"${fields['uri']}"` },
    ...{ response: proof('AUTHENTICATE'), charset: 'utf-8', maxbuf: '65536' },
    ...who.change,
  };
  const token = Object.entries(sent)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
  return { token: Buffer.from(token), rspauth: `rspauth=${proof('')}` };
}

function mechanism(): DigestMd5 {
  return new DigestMd5(new Map([['bob', 'bobsecret']]), seededRandom(1));
}

function challengeOf(server: DigestMd5): string {
  const step = server.step(Buffer.alloc(0));
  if (step.kind !== 'challenge') throw new Error(`no challenge: ${step.kind}`);
  return Buffer.from(step.token).toString();
}

describe('DIGEST-MD5', () => {
  it('takes who knows the password, and proves that it knows it, too', () => {
    const server = mechanism();
    const { token, rspauth } = respond(challengeOf(server), { user: 'bob', password: 'bobsecret' });
    const step = server.step(token);
    expect(step).toMatchObject({ kind: 'done', user: 'bob' });
    expect('token' in step && Buffer.from(step.token).toString()).toBe(rspauth);
  });

  it.each([
    ['another password', { user: 'bob', password: 'x' }],
    ['a user whom nobody knows', { user: 'eve', password: 'bobsecret' }],
    ['the empty password of such a user', { user: 'eve', password: '' }],
    ['another nonce', { user: 'bob', password: 'bobsecret', change: { nonce: '"x"' } }],
    ['a second answer to a challenge', { user: 'bob', password: 'bobsecret', change: { nc: '00000002' } }],
    ['a layer of secrecy', { user: 'bob', password: 'bobsecret', change: { qop: 'auth-conf' } }],
    ['another charset', { user: 'bob', password: 'bobsecret', change: { charset: 'latin-1' } }],
    ['another realm', { user: 'bob', password: 'bobsecret', change: { realm: '"x"' } }],
    ['the name of somebody else', { user: 'bob', password: 'bobsecret', change: { authzid: '"super"' } }],
  ])('refuses %s', (_what, who) => {
    const server = mechanism();
    expect(server.step(respond(challengeOf(server), who).token).kind).toBe('failed');
  });

  it('refuses the same response twice, and one to the challenge of another connection', () => {
    const [server, other] = [mechanism(), new DigestMd5(new Map([['bob', 'bobsecret']]), seededRandom(2))];
    const { token } = respond(challengeOf(server), { user: 'bob', password: 'bobsecret' });
    expect(server.step(token).kind).toBe('done');
    expect(server.step(token).kind).toBe('failed');
    challengeOf(other);
    expect(other.step(token).kind).toBe('failed');
  });

  it('gives a challenge to any first token, and none after an authentication', () => {
    const server = mechanism();
    const first = server.step(Buffer.from('token'));
    expect(first.kind).toBe('challenge');
    const challenge = 'token' in first ? Buffer.from(first.token).toString() : '';
    expect(challenge).toMatch(/^realm="zk-sasl-md5",nonce="[^"]+",charset=utf-8,algorithm=md5-sess$/);
    const { token } = respond(challenge, { user: 'bob', password: 'bobsecret' });
    expect(server.step(token).kind).toBe('done');
    expect(server.step(Buffer.alloc(0)).kind).toBe('failed');
  });

  it.each(['', 'x', 'username="bob', 'a=1,a=2', '=', ',', 'username="bob"garbage'])(
    'reads nothing from %j',
    (text) => {
      const server = mechanism();
      challengeOf(server);
      expect(server.step(Buffer.from(text)).kind).toBe('failed');
    },
  );

  it('reads what is quoted, with commas and quotes in it', () => {
    expect(parseDirectives('username="a,\\"b\\\\", qop=auth')).toEqual(
      new Map([
        ['username', 'a,"b\\'],
        ['qop', 'auth'],
      ]),
    );
  });
});

const SETTINGS: AuthSettings = {
  saslUsers: { bob: 'bobsecret', root: 'rootsecret' },
  superUser: 'root',
  superDigest: digestOf('super', 'secret'),
};

async function sasl(client: WireClient, user: string, password: string) {
  const challenge = await client.call('sasl', { token: Buffer.alloc(0) });
  const text = Buffer.from(challenge.response!.token!).toString();
  return client.call('sasl', { token: respond(text, { user, password }).token });
}

const node = (path: string, acl = OPEN_ACL) => ({ path, data: Buffer.from('v'), acl, flags: 0 });
const onlyBob = [{ perms: 31, scheme: 'sasl', id: 'bob' }];

describe('a gateway with users of SASL', () => {
  it('vouches for them, in access control lists and in whoAmI', async () => {
    const { open } = await startGateway({ auth: SETTINGS });
    const [bob, stranger] = [await open(), await open()];
    expect((await sasl(bob, 'bob', 'bobsecret')).err).toBe(0);
    expect((await bob.call('create', node('/b', onlyBob))).err).toBe(0);
    expect((await bob.call('getData', { path: '/b', watch: false })).err).toBe(0);
    expect((await stranger.call('getData', { path: '/b', watch: false })).err).toBe(ErrorCode.NoAuth);
    const { clientInfo } = (await bob.call('whoAmI', {})).response!;
    expect(clientInfo).toContainEqual({ authScheme: 'sasl', user: 'bob' });
  });

  it('tells who fails by the code and by a null token, and hangs up', async () => {
    const client = await (await startGateway({ auth: SETTINGS })).open();
    const challenge = await client.call('sasl', { token: Buffer.alloc(0) });
    const text = Buffer.from(challenge.response!.token!).toString();
    client.send('sasl', { token: respond(text, { user: 'bob', password: 'wrong' }).token }, 7);
    const refusal = await client.next();
    if (refusal?.kind !== 'reply') throw new Error('no reply');
    expect(refusal.err).toBe(ErrorCode.AuthFailed);
    expect(refusal.body.readNullableBuffer()).toBeUndefined();
    expect(refusal.body.remaining).toBe(0);
    expect(await client.next()).toBeUndefined();
  });

  it('lets its superUser do everything, and the one who knows the superDigest', async () => {
    const { open } = await startGateway({ auth: SETTINGS });
    const [bob, root, superUser] = [await open(), await open(), await open()];
    await sasl(bob, 'bob', 'bobsecret');
    await bob.call('create', node('/b', onlyBob));
    await sasl(root, 'root', 'rootsecret');
    expect((await root.call('getData', { path: '/b', watch: false })).err).toBe(0);
    const auth = { type: 0, scheme: 'digest', auth: Buffer.from('super:secret') };
    expect((await superUser.call('auth', auth, -4)).err).toBe(0);
    expect((await superUser.call('setData', { path: '/b', data: Buffer.alloc(0), version: -1 })).err).toBe(0);
  });

  it('closes sessions that do not authenticate where it is required, and serves those that do', async () => {
    const { open } = await startGateway({ auth: { ...SETTINGS, requireSasl: true } });
    const [bob, stranger] = [await open(), await open()];
    expect((await sasl(bob, 'bob', 'bobsecret')).err).toBe(0);
    expect((await bob.call('create', node('/b'))).err).toBe(0);
    expect((await stranger.call('getData', { path: '/b', watch: false })).err).toBe(
      ErrorCode.SessionClosedRequireSaslAuth,
    );
    expect(await stranger.next()).toBeUndefined();
  });
});
