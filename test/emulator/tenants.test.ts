/**
 * Two tenants on one set of tables and functions that run. IAM lets a tenant invoke its own alias and open its own stage, which
 * `test/cdk/tenancy.test.ts` holds against the policies; here it sends there whatever it may know of the other.
 */
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { connect, type ZeroKeeperClient } from '../../lib/client/index.js';
import { type MemoryEmulator, startEmulator } from '../../lib/emulator/index.js';
import type { ThinAnswer, ThinRequest, ThinSessionReference } from '../../lib/wire/thin-protocol.js';
import { batchRequest, bytes16, create, openRequest, setData } from '../api/world.js';

const [A, B] = ['tenant-a', 'tenant-b'];
const NO_NODE = { op: 'error', code: -101 };

let emulator: MemoryEmulator;
/** The client of B, with a secret, an ephemeral, and more in its log than A has. */
let victim: ZeroKeeperClient;

beforeEach(async () => {
  emulator = await startEmulator({ otherNamespaces: [A, B] });
  victim = await connect({ ...emulator.connectOptions('lambda', B), pollMs: 50 });
  await victim.create('/secret', 'of B');
  await victim.create('/alive', '', { mode: 'ephemeral' });
  for (let n = 0; n < 5; n++) await victim.set('/secret', `of B, ${n}`);
});

afterEach(async () => {
  await victim.close();
  await emulator.stop();
});

/** What a tenant's alias answers to a request, whatever it says. */
async function ask(request: ThinRequest, tenant = A): Promise<ThinAnswer> {
  const url = `${emulator.endpoints.lambda}/2015-03-31/functions/${emulator.functionName}:${tenant}/invocations`;
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(request) });
  expect(response.headers.get('x-amz-function-error')).toBeNull();
  return (await response.json()) as ThinAnswer;
}

async function opened(tenant: string, seed: number) {
  const answer = await ask(openRequest(seed), tenant);
  if (answer.type !== 'opened') throw new Error(`no session: ${JSON.stringify(answer)}`);
  const { session: id, epoch, password } = answer;
  return { reference: { id, epoch } satisfies ThinSessionReference, password };
}

function sessionOfB(): { reference: ThinSessionReference; password: string } {
  const { id, epoch, password } = victim.session!;
  return { reference: { id, epoch }, password: Buffer.from(password, 'hex').toString('base64') };
}

/** B has what it had, its session too, also once everything that was set off has come about. */
async function expectUnharmed(): Promise<void> {
  await emulator.advanceTime(60_000);
  const { data } = await victim.get('/secret', { consistency: 'linearizable' });
  expect(Buffer.from(data).toString()).toBe('of B, 4');
  expect(await victim.exists('/alive')).toBeDefined();
  const { children } = await victim.getChildren('/', { consistency: 'linearizable' });
  expect(children.filter((name) => name !== 'zookeeper').sort()).toEqual(['alive', 'secret']);
}

describe('a tenant that sends to its own alias', () => {
  it('reads and writes its own tree, and is refused when it names the other’s namespace', async () => {
    const operations = [
      { op: 'getData', path: '/secret' },
      setData('/secret', 'stolen'),
      { op: 'delete', path: '/secret', version: -1 },
      create('/of-a'),
      { op: 'getChildren', path: '/' },
      { op: 'changes', path: '/', since: 0, recursive: true },
    ] as const;
    const refused = await ask({ ...batchRequest({ operations }), namespace: B });
    expect(refused).toMatchObject({ type: 'error', reason: 'BadRequest' });
    const answer = await ask(batchRequest({ operations }));
    expect(answer).toMatchObject({
      results: [
        ...[NO_NODE, NO_NODE, NO_NODE],
        { op: 'create', path: '/of-a', zxid: 1 },
        { op: 'getChildren', children: ['of-a', 'zookeeper'] },
        { op: 'changes', changes: [{ type: 'created', path: '/of-a' }] },
      ],
    });
    await expectUnharmed();
  });

  it('cannot attach the other’s session with its password, nor act for it, nor close it', async () => {
    const { reference, password } = sessionOfB();
    const { id: session, epoch } = reference;
    const attach = {
      ...({ v: 1, type: 'attach' } as const),
      ...{ session, password, epoch, timeoutMs: 10_000, attachId: bytes16(9), seen: 0 },
    };
    expect(await ask(attach)).toMatchObject({ type: 'error', reason: 'SessionExpired' });
    const operations = [{ op: 'delete', path: '/alive', version: -1, cxid: 99 }] as const;
    const acting = await ask(batchRequest({ session: reference, operations }));
    expect(acting).toMatchObject({ type: 'error', reason: 'SessionExpired' });
    await ask({ v: 1, type: 'close', session: reference });
    const named = await ask({ v: 1, type: 'close', session: reference, namespace: B });
    expect(named).toMatchObject({ type: 'error', reason: 'BadRequest' });
    await expectUnharmed();
  });

  it('opens a session of its own with the secret of one of the other’s, and closes none but its own', async () => {
    const ofB = await opened(B, 7);
    const ofA = await opened(A, 7);
    await ask(batchRequest({ session: ofB.reference, operations: [create('/held', 1, 'ephemeral')] }), B);
    expect(await ask({ v: 1, type: 'close', session: ofA.reference })).toMatchObject({ type: 'closed' });
    expect(await victim.exists('/held', { consistency: 'linearizable' })).toBeDefined();
    await ask({ v: 1, type: 'close', session: ofB.reference }, B);
    await expectUnharmed();
  });

  it('is told that its log does not reach as far as the other’s', async () => {
    const seen = await victim.sync('/');
    const operations = [{ op: 'getData', path: '/secret' }] as const;
    const answer = await ask(batchRequest({ seen, operations }));
    expect(answer).toMatchObject({ type: 'error', reason: 'BadRequest' });
  });

  it('hears of nothing that the other does, and takes no watch and no event away from it', async () => {
    const { reference } = await opened(A, 8);
    const arm = { op: 'addWatch', path: '/', kind: 'persistentRecursive' } as const;
    await ask(batchRequest({ session: reference, operations: [arm] }));
    const told = new Promise((resolve) => void victim.exists('/secret', { watch: resolve }));
    await victim.sync('/');
    const { reference: ofB } = sessionOfB();
    const remove = { op: 'removeWatch', path: '/secret', kind: 'data' } as const;
    const acknowledged = { zxid: 1_000, position: 0 };
    await ask(batchRequest({ session: ofB, acknowledged, operations: [remove] }));
    await victim.set('/secret', 'of B, 4');
    expect(await told).toMatchObject({ type: 'dataChanged', path: '/secret' });
    const own = await ask(batchRequest({ session: reference, operations: [create('/own', 1)] }));
    const next = await ask(batchRequest({ session: reference, operations: [] }));
    const events = [own, next].flatMap((answer) => (answer.type === 'batch' ? answer.events : []));
    expect([...new Set(events.map(({ path }) => path))]).toEqual(['/own']);
  });
});

describe('a tenant at its own stage of the WebSocket API', () => {
  it('gets no hint of the other’s session, though it knows the password', async () => {
    const own = await opened(A, 8);
    const arm = { op: 'addWatch', path: '/', kind: 'persistentRecursive' } as const;
    await ask(batchRequest({ session: own.reference, operations: [arm, create('/own', 1)] }));
    const socket = new WebSocket(emulator.endpoints.webSocket.replace(/[^/]+$/, A));
    const heard: string[] = [];
    socket.on('message', (data: Buffer) =>
      heard.push((JSON.parse(data.toString()) as { path: string }).path),
    );
    await once(socket, 'open');
    for (const { reference, password } of [sessionOfB(), own]) {
      const { id: session, epoch } = reference;
      socket.send(JSON.stringify({ action: 'attach', session, epoch, password, namespace: B }));
    }
    // Messages are taken in order: once it hears of its own session, the other's was refused.
    while (heard.length === 0) await ask(batchRequest({ operations: [setData('/own', 'again')] }));
    const told = new Promise((resolve) => void victim.exists('/secret', { watch: resolve }));
    await victim.sync('/');
    await victim.set('/secret', 'of B, 4');
    await told;
    await emulator.advanceTime(1_000);
    socket.ping();
    await once(socket, 'pong');
    expect([...new Set(heard)]).toEqual(['/own']);
    socket.close();
    await expectUnharmed();
  });
});

describe('an emulator of several namespaces', () => {
  it('keeps a session of each alive, and says which namespaces it does not serve', async () => {
    await using own = await connect(emulator.connectOptions('tcp'));
    await using first = await connect(emulator.connectOptions('direct', A));
    await own.create('/own', '', { mode: 'ephemeral' });
    await first.create('/first', '', { mode: 'ephemeral' });
    await emulator.advanceTime(60_000);
    expect([await own.exists('/first'), await first.exists('/own')]).toEqual([undefined, undefined]);
    expect(await first.exists('/first')).toBeDefined();
    expect(() => emulator.connectOptions('tcp', A)).toThrow(RangeError);
    expect(() => emulator.connectOptions('lambda', 'tenant-c')).toThrow(RangeError);
    await expect(startEmulator({ otherNamespaces: ['a.b'] })).rejects.toThrow(RangeError);
  });
});
