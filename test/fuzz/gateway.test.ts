import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { OpCode, operations, Xid } from '../../lib/wire/index.js';
import { WireClient } from '../gateway/support/wire-client.js';
import { startZeroKeeper, type RunningServer } from '../oracle/servers.js';

/** `npm run fuzz` takes 5000, or what the environment says; `npm test` makes do with few. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 60);
const RUN_MS_MAX = 1_000;

let server: RunningServer;
/** Must not notice anything of what others send. */
let bystander: WireClient;

beforeAll(async () => {
  server = await startZeroKeeper();
  bystander = await WireClient.open(server.port);
});

afterAll(async () => {
  bystander.destroy();
  await server.stop();
});

const opcode = fc.oneof(fc.constantFrom(...Object.values(OpCode)), fc.integer());
const junk = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
/** Lengths and counts as an attacker would choose them, between bytes that look like fields. */
const fields = fc
  .array(
    fc.oneof(
      fc
        .constantFrom('00000000', 'ffffffff', 'fffffffe', '7fffffff', '80000000', '00000001', '01')
        .map(fromHex),
      fc.constantFrom('/', '/a', '/a/b', '/zookeeper/config', 'digest', 'world', 'anyone').map(withLength),
      fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    ),
    { maxLength: 14 },
  )
  .map((parts) => Buffer.concat(parts));

function fromHex(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

function withLength(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([int32(bytes.length), bytes]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** The reply to −1 would be taken for an event. */
const xid = fc.integer().filter((value) => value !== Xid.notification);

const frame = fc
  .tuple(xid, opcode, fc.oneof(fields, junk))
  .map(([id, code, body]) => Buffer.concat([int32(8 + body.length), int32(id), int32(code), body]));

/** Sends bytes in pieces and says what became of the connection: it is closed, or it still answers. */
async function outcome(client: WireClient, pieces: readonly Buffer[]): Promise<'closed' | 'answers'> {
  for (const piece of pieces) client.socket.write(piece);
  client.send('ping', {}, Xid.ping);
  for (;;) {
    const received = await client.next();
    if (received === undefined) return 'closed';
    if (received.kind === 'reply' && received.xid === Xid.ping) return 'answers';
  }
}

async function bystanderIsWell(): Promise<void> {
  const { err } = await bystander.call('exists', { path: '/', watch: false });
  expect(err).toBe(0);
}

it(
  'whatever a client with a session sends, the connection answers or is closed, and others do not notice',
  { timeout: 20_000 + RUNS * RUN_MS_MAX },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 6 }), async (frames) => {
        const client = await WireClient.open(server.port);
        try {
          expect(['closed', 'answers']).toContain(await outcome(client, frames));
          await bystanderIsWell();
        } finally {
          client.destroy();
        }
      }),
      { numRuns: RUNS },
    );
  },
);

it(
  'whatever comes in place of a handshake, the connection is closed in the end, and others do not notice',
  { timeout: 20_000 + RUNS * RUN_MS_MAX },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(junk, frame), async (bytes) => {
        const client = new WireClient(server.port);
        try {
          client.socket.end(bytes);
          await client.closed;
          await bystanderIsWell();
        } finally {
          client.destroy();
        }
      }),
      { numRuns: RUNS },
    );
  },
);

it('every operation is fuzzed', () => {
  const fuzzed = new Set<number>(Object.values(OpCode));
  expect(Object.values(operations).filter(({ code }) => !fuzzed.has(code))).toEqual([]);
});
