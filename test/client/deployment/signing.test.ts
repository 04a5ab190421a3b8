/** Requests to function URLs and WebSockets are signed as AWS checks them: by a verifier of its own, not the signer's library. */
import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { apiHandler } from '../../../functions/shared/api.js';
import type { ThinCaller } from '../../../lib/api/caller.js';
import { connect } from '../../../lib/client/index.js';
import { isApiGateway, Signer } from '../../../lib/client/transports/lambda/signing.js';
import { ScriptedFunction, turn } from '../scripted-function.js';

const NOW = Date.UTC(2026, 10, 25, 12, 0, 0);
const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET, sessionToken: 'a+session/token=' };
const signer = () => new Signer({ region: 'eu-central-1', credentials, now: () => NOW });

const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Uint8Array, text: string) => createHmac('sha256', key).update(text).digest();
const escape = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

interface ToVerify {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

/** The signature that AWS computes of what it has received, after its description of Signature Version 4. */
function expectedSignature(
  request: ToVerify,
  parts: { credential: string; signedHeaders: string; date: string },
): string {
  const scope = parts.credential.split('/').slice(1);
  const query = [...request.url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${escape(name)}=${escape(value)}`)
    .sort();
  const headers = parts.signedHeaders.split(';');
  const canonical = [
    request.method,
    request.url.pathname,
    query.join('&'),
    ...headers.map((name) => `${name}:${request.headers[name] ?? ''}`),
    '',
    parts.signedHeaders,
    sha256(request.body),
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', parts.date, scope.join('/'), sha256(canonical)].join('\n');
  const key = scope.reduce<string | Uint8Array>((made, part) => hmac(made, part), `AWS4${SECRET}`);
  return createHmac('sha256', key).update(text).digest('hex');
}

function isSignedPost(request: IncomingMessage, body: Buffer): boolean {
  const headers = request.headers as Record<string, string>;
  const [, credential = '', signedHeaders = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=(\w+)$/.exec(
      headers['authorization'] ?? '',
    ) ?? [];
  const url = new URL(request.url ?? '', `http://${headers['host'] ?? ''}`);
  const date = headers['x-amz-date'] ?? '';
  const sent = { method: request.method ?? '', url, headers, body };
  return signature === expectedSignature(sent, { credential, signedHeaders, date });
}

/** A function URL with IAM authorization: refuses what is not signed, and tells the function who signed. */
async function functionUrl(answer: (request: unknown, caller: ThinCaller) => unknown, status?: number) {
  const handler = apiHandler(() => ({
    authority: { namespace: 'default', payloadMayName: false },
    answer: (request, caller) => Promise.resolve(answer(request, caller) as never),
    flush: () => undefined,
  }));
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      if (status !== undefined) return response.writeHead(status).end('{"Message":"no"}');
      if (!isSignedPost(request, body)) return response.writeHead(403).end('{"Message":"Forbidden"}');
      const iam = { userArn: 'arn:aws:iam::123456789012:user/ada' };
      const event = { requestContext: { http: {}, authorizer: { iam } }, body: body.toString() };
      const { statusCode, headers, body: text } = (await handler(event)) as never;
      return response.writeHead(statusCode, headers).end(text);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

const BASE = { transport: 'lambda', session: false, region: 'eu-central-1', credentials } as const;
const NOT_FOUND = { type: 'answer', zxid: 1, results: [{ op: 'error', zxid: 1, code: -101 }] };

describe('a client over a function URL', () => {
  it('is let in by its signature, and known to the function by its identity', async () => {
    const callers: ThinCaller[] = [];
    const url = await functionUrl((_, caller) => {
      callers.push(caller);
      return { v: 1, type: 'error', reason: 'BadRequest', message: 'that will do' };
    });
    const client = await connect({ ...BASE, functionUrl: url });
    await expect(client.exists('/a')).rejects.toThrow('that will do');
    expect(callers[0]?.authIds).toEqual([{ scheme: 'iam', id: 'arn:aws:iam::123456789012:user/ada' }]);
  });

  it('is refused with what the URL says when the secret is another, and does not try again', async () => {
    let calls = 0;
    const url = await functionUrl(() => calls++);
    const wrong = { ...credentials, secretAccessKey: 'another' };
    const client = await connect({ ...BASE, functionUrl: url, credentials: wrong });
    await expect(client.create('/a')).rejects.toMatchObject({
      name: 'Unavailable',
      maybeApplied: false,
      retriable: false,
      message: expect.stringContaining('403: {"Message":"Forbidden"}') as string,
    });
    expect(calls).toBe(0);
  });

  it('does not know whether a write was done when the URL answers 502', async () => {
    const client = await connect({ ...BASE, functionUrl: await functionUrl(() => NOT_FOUND, 502) });
    await expect(client.create('/a')).rejects.toMatchObject({ maybeApplied: true });
  });
});

describe('the URL of a WebSocket', () => {
  const PLAIN = 'wss://abc.execute-api.us-east-2.amazonaws.com/live';

  it('is signed for the region in its name, for a minute', async () => {
    const signed = new URL(await signer().webSocketUrl(PLAIN));
    const {
      'X-Amz-Signature': signature,
      'X-Amz-Credential': credential = '',
      ...others
    } = Object.fromEntries(signed.searchParams);
    expect(others).toEqual({
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Date': '20261125T120000Z',
      'X-Amz-Expires': '60',
      'X-Amz-Security-Token': credentials.sessionToken,
      'X-Amz-SignedHeaders': 'host',
    });
    expect(credential).toBe('AKIDEXAMPLE/20261125/us-east-2/execute-api/aws4_request');
    const request = { method: 'GET', url: signed, headers: { host: signed.host }, body: '' };
    const parts = { credential, signedHeaders: 'host', date: '20261125T120000Z' };
    expect(signature).toBe(expectedSignature(request, parts));
  });

  it('is signed anew for each connection to API Gateway, and not at all elsewhere', async () => {
    expect(isApiGateway('ws://127.0.0.1:9001/')).toBe(false);
    const opened: string[] = [];
    const sockets: (() => void)[] = [];
    const webSocket = (url: string) => {
      opened.push(url);
      return {
        addEventListener: (type: string, listener: () => void) => {
          if (type === 'close') sockets.push(listener);
        },
        send: () => undefined,
        close: () => undefined,
      };
    };
    const served = new ScriptedFunction();
    await served.connect({ webSocketUrl: PLAIN, webSocket, credentials });
    await until(() => opened.length === 1);
    await served.clock.advance(1000);
    sockets.at(-1)?.();
    await served.clock.advance(60_000);
    await until(() => opened.length === 2);
    const dates = opened.map((url) => new URL(url).searchParams.get('X-Amz-Date'));
    expect(dates[0]).toMatch(/^\d{8}T\d{6}Z$/);
    expect(dates[1]).not.toBe(dates[0]);
  });
});

/** The signer's library is loaded on the way, which takes turns that nothing announces. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}
