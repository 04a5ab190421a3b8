import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { ManualClock } from '../../lib/base/clock.js';
import type { Logger } from '../../lib/base/logger.js';
import { silentLogger } from '../../lib/base/logger.js';
import { ErrorCode } from '../../lib/core/errors.js';
import { Perms } from '../../lib/core/types.js';
import {
  CERTIFICATE_POLL_MS,
  CertificateError,
  type TlsSettings,
} from '../../lib/gateway/tls/certificates.js';
import { subjectOf } from '../../lib/gateway/tls/subject.js';
import { Authority, useFiles, type Issued } from './support/certificates.js';
import { startGateway } from './support/gateways.js';
import { ask, WireClient } from './support/wire-client.js';

const file = useFiles();
const sockets: TLSSocket[] = [];
let authority: Authority;
let server: Issued;
let worker: Issued;

beforeAll(async () => {
  authority = await Authority.create();
  server = await authority.issue('CN=localhost');
  worker = await authority.issue('C=DE, O=Example, OU=fleet, CN=worker');
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

function settings(more: Partial<TlsSettings> = {}): TlsSettings {
  return {
    files: [file('tls.crt', server.pem), file('tls.key', server.key)],
    trustFiles: [file('ca.crt', authority.pem)],
    clientAuth: 'need',
    oldest: 'TLSv1.2',
    newest: 'TLSv1.3',
    ciphers: [],
    reload: true,
    ...more,
  };
}

async function startSecurely(more: Partial<TlsSettings> = {}, logger: Logger = silentLogger) {
  const clock = new ManualClock();
  const running = await startGateway({ logger, clock });
  const { address } = await running.gateway.listenSecurely({
    host: '127.0.0.1',
    port: 0,
    tls: settings(more),
  });
  return { ...running, clock, securePort: address.port };
}

function dial(port: number, options: ConnectionOptions = {}): TLSSocket {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.pem, ...options });
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

/** Whom the server says it is; `undefined` when it hangs up instead. With TLS 1.2, where a refusal comes in the handshake. */
function serialOf(port: number, options: ConnectionOptions = {}): Promise<string | undefined> {
  const socket = dial(port, { maxVersion: 'TLSv1.2', ...options });
  return new Promise((resolve) => {
    socket.once('secureConnect', () => resolve(socket.getPeerX509Certificate()?.serialNumber));
    socket.once('close', () => resolve(undefined));
  });
}

const asWorker = () => ({ cert: worker.pem, key: worker.key });
const DN = 'CN=worker,OU=fleet,O=Example,C=DE';

describe('the secure port', () => {
  it('knows a client by the subject of its certificate, and lets it own what it creates', async () => {
    const { securePort, open } = await startSecurely();
    const client = await WireClient.open(dial(securePort, asWorker()));
    const { response } = await client.call('whoAmI', {});
    expect(response?.clientInfo).toEqual([
      { authScheme: 'ip', user: '127.0.0.1' },
      { authScheme: 'x509', user: DN },
    ]);
    const acl = [{ perms: Perms.all, scheme: 'auth', id: '' }];
    const mine = { path: '/mine', data: Buffer.from('v'), acl, flags: 0 };
    expect((await client.call('create', mine)).err).toBe(0);
    const stored = await client.call('getAcl', { path: '/mine' });
    expect(stored.response?.acl).toEqual([{ perms: Perms.all, scheme: 'x509', id: DN }]);
    const stranger = await open();
    expect((await stranger.call('getData', { path: '/mine', watch: false })).err).toBe(ErrorCode.NoAuth);
  });

  it('refuses a client without a certificate, and one whom nobody knows who signed for', async () => {
    const { securePort } = await startSecurely();
    expect(await serialOf(securePort)).toBeUndefined();
    const stranger = await (await Authority.create()).issue('CN=worker');
    expect(await serialOf(securePort, { cert: stranger.pem, key: stranger.key })).toBeUndefined();
    expect(await serialOf(securePort, asWorker())).toBe(server.certificate.serialNumber.toUpperCase());
  });

  it('that wants certificates lets a client in without one, but not with a wrong one', async () => {
    const { securePort } = await startSecurely({ clientAuth: 'want' });
    const nobody = await WireClient.open(dial(securePort));
    const { response } = await nobody.call('whoAmI', {});
    expect(response?.clientInfo).toEqual([{ authScheme: 'ip', user: '127.0.0.1' }]);
    const stranger = await (await Authority.create()).issue('CN=worker');
    const client = new WireClient(dial(securePort, { cert: stranger.pem, key: stranger.key }));
    client.sendConnect();
    expect(await client.next()).toBeUndefined();
  });

  it('serves new certificates after their files have changed, and hangs nobody up for it', async () => {
    const { securePort, clock } = await startSecurely();
    const before = await WireClient.open(dial(securePort, asWorker()));
    const renewed = await authority.issue('CN=localhost');
    file('tls.crt', renewed.pem);
    file('tls.key', renewed.key);
    await clock.advance(CERTIFICATE_POLL_MS);
    await expect
      .poll(() => serialOf(securePort, asWorker()))
      .toBe(renewed.certificate.serialNumber.toUpperCase());
    expect((await before.call('exists', { path: '/', watch: false })).err).toBe(0);
  });

  it('keeps the certificates from before, and says so, when the new ones cannot be used', async () => {
    let tell: (message: string) => void = () => undefined;
    const told = new Promise<string>((resolve) => (tell = resolve));
    const logger = { ...silentLogger, error: (message: string) => tell(message) };
    const { securePort, clock } = await startSecurely({}, logger);
    file('tls.key', (await authority.issue('CN=localhost')).key);
    await clock.advance(CERTIFICATE_POLL_MS);
    expect(await told).toBe('changed certificates cannot be used: those from before are kept');
    expect(await serialOf(securePort, asWorker())).toBe(server.certificate.serialNumber.toUpperCase());
  });

  it('answers four-letter words, too', async () => {
    const { securePort } = await startSecurely();
    const socket = dial(securePort, asWorker());
    socket.write('ruok');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe('imok');
  });

  it('counts a client that never ends its TLS handshake against its address, and lets it go when it stops', async () => {
    const running = await startGateway({ limits: { maxClientConnections: 1 } });
    const { address } = await running.gateway.listenSecurely({ host: '127.0.0.1', port: 0, tls: settings() });
    const idle = new WireClient(address.port);
    await new Promise((resolve) => idle.socket.once('connect', resolve));
    await expect.poll(() => ask(address.port, '').catch(() => 'refused')).toMatch(/^(refused)?$/);
    expect(await serialOf(address.port, asWorker())).toBeUndefined();
    await running.gateway.close();
    await idle.closed;
  });
});

describe('certificates that cannot be used', () => {
  it.each([
    ['a file that is not there', { files: ['/nowhere/tls.pem'] }, /nowhere\/tls\.pem: ENOENT/],
    ['no key', { files: ['tls.crt'] }, /no private key in PEM/],
    ['no certificate', { files: ['tls.key'] }, /no certificate in PEM/],
    ['neither PEM nor PKCS12', { files: ['tls.jks'] }, /tls\.jks: /],
  ])('are told by name: %s', async (_, more, message) => {
    file('tls.jks', 'no keystore');
    const { files } = more;
    settings();
    const paths = files.map((name) => (name.startsWith('/') ? name : file(name, contentOf(name))));
    const { gateway } = await startGateway();
    const listening = gateway.listenSecurely({ host: '127.0.0.1', port: 0, tls: settings({ files: paths }) });
    await expect(listening).rejects.toThrow(CertificateError);
    await expect(listening).rejects.toThrow(message);
  });
});

function contentOf(name: string): string {
  if (name === 'tls.crt') return server.pem;
  return name === 'tls.key' ? server.key : 'no keystore';
}

describe('the subject of a certificate', () => {
  it.each([
    ['the last part first', 'C=DE, O=Example, OU=fleet, CN=worker', 'CN=worker,OU=fleet,O=Example,C=DE'],
    [
      'parts of one level together',
      [{ CN: ['worker'], '0.9.2342.19200300.100.1.1': ['7'] }, { O: ['Example'] }],
      'O=Example,CN=worker+UID=7',
    ],
    ['what has to be escaped', [{ O: ['Acme, Inc. <x>;+='] }], 'O=Acme\\, Inc. \\<x\\>\\;\\+\\='],
    ['blanks at the ends', [{ CN: [' x '] }], 'CN=\\ x\\ '],
    ['letters of all kinds', [{ CN: ['Bücher 書'] }], 'CN=Bücher 書'],
    ['what has no name by its number', [{ E: ['a@b'] }], '1.2.840.113549.1.9.1=#1603614062'],
  ])('is written as RFC 2253 has it: %s', async (_, subject, expected) => {
    const { certificate } = await authority.issue(subject);
    expect(subjectOf(new Uint8Array(certificate.rawData))).toBe(expected);
  });

  it('of something else is a RangeError', () => {
    for (const bytes of [[], [1, 2, 3], [0x30, 0x00], [0x30, 0x03, 0x02, 0x01, 0x01]]) {
      expect(() => subjectOf(Uint8Array.from(bytes))).toThrow(RangeError);
    }
  });
});
