import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../lib/core/errors.js';
import { REAP_ALLOWANCE_MS, REAP_PAUSE_LONGEST_MS } from '../../../lib/keeper/limits.js';
import { createDirectTransport } from '../../../lib/client/direct/index.js';
import { UnavailableError } from '../../../lib/client/errors.js';
import { gateway, reaper } from '../../keeper/gateways.js';
import { holdCall } from '../../keeper/meddling.js';
import { NAMESPACE, World } from '../../keeper/world.js';
import { DirectClient, directClient, op, TIMEOUT_MS } from './clients.js';

function exists(answer: { readonly result: unknown }): boolean {
  return (answer.result as { stat?: unknown }).stat !== undefined;
}

describe('the session of a direct client', () => {
  it('lives on for as long as its process does', async () => {
    const world = new World();
    const client = await directClient(world);
    await client.do(op.create('/e', 'ephemeral'));
    await world.clock.advance(5 * TIMEOUT_MS);
    const other = await directClient(world);
    expect(exists(await other.do(op.exists('/e')))).toBe(true);
    expect(client.states).toEqual(['connected']);
  });

  it('is listed as a client that nobody can connect to', async () => {
    const world = new World();
    await directClient(world);
    const [listed] = await world.until(reaper(world).liveGateways());
    expect(listed).toMatchObject({ kind: 'client', sessions: 1 });
    expect(listed?.address).toMatch(/^direct:.+:\d+$/);
  });

  it('leaves no rows behind when it is closed, and takes its ephemerals with it', async () => {
    const world = new World();
    const client = await directClient(world);
    await client.do(op.create('/e', 'ephemeral'));
    await world.until(client.transport.close());
    expect(world.store.dump('leases')).toEqual([]);
    expect(client.states).toEqual(['connected', 'closed']);
    const other = await directClient(world, { session: false });
    expect(exists(await other.do(op.exists('/e')))).toBe(false);
    await expect(client.do(op.get('/'))).rejects.toMatchObject({ code: ErrorCode.SessionExpired });
  });

  it('vouches for nothing when it was given up before its keeper had started', async () => {
    const world = new World();
    const store = world.connection();
    const gate = holdCall(store, () => true);
    const { clock, random } = world;
    const transport = createDirectTransport({ store, namespace: NAMESPACE, clock, random });
    const giveUp = new AbortController();
    const handlers = { onState: () => undefined, onEvent: () => undefined };
    const started = transport.start(handlers, giveUp.signal).catch((error: unknown) => error);
    await gate.reached;
    giveUp.abort();
    expect(await world.until(started)).toBeInstanceOf(UnavailableError);
    // Only now the store answers what was asked first.
    gate.open();
    await world.clock.advance(60_000);
    expect(world.store.dump('leases')).toEqual([]);
  });

  it('answers what is under way before it is closed', async () => {
    const world = new World();
    const client = await directClient(world);
    const { answer } = client.begin(op.create('/a'));
    await world.until(client.transport.close());
    expect((await answer).result).toMatchObject({ kind: 'create', path: '/a' });
  });

  it('is closed in bounded time when the store does not answer', async () => {
    const world = new World();
    const client = await directClient(world, { closeTimeoutMs: 1000 });
    client.cutOff();
    const { answer } = client.begin(op.create('/a'));
    await world.until(client.transport.close(), 1100);
    await expect(answer).rejects.toMatchObject({ code: ErrorCode.SessionExpired, maybeApplied: true });
    expect(client.states.at(-1)).toBe('closed');
    await world.clock.advance(20_000);
  });

  it('of a process that stopped is closed by another client, at the timeout and the allowance', async () => {
    const world = new World();
    const [client, other] = [await directClient(world), await directClient(world)];
    await client.do(op.create('/e', 'ephemeral'));
    await other.do(op.exists('/e', true));
    const [lease] = await world.until(reaper(world).gateways());
    expect(lease).toBeDefined();
    client.cutOff();
    const silentAtMs = world.clock.now();
    await world.clock.advance(TIMEOUT_MS - 1000);
    expect(other.events()).toEqual([]);
    for (let passed = 0; passed < 4000 && other.events().length === 0; passed += 50)
      await world.clock.advance(50);
    expect(other.events()).toMatchObject([{ type: 'deleted', path: '/e' }]);
    const tookMs = world.clock.now() - silentAtMs;
    expect(tookMs).toBeLessThan(TIMEOUT_MS + REAP_ALLOWANCE_MS + 1.2 * REAP_PAUSE_LONGEST_MS);
    client.reconnect();
    await world.clock.advance(3000);
    expect(client.states).toEqual(['connected', 'suspended', 'lost']);
    expect(client.reasons.at(-1)).toMatchObject({ code: ErrorCode.SessionExpired });
    await expect(client.do(op.get('/'))).rejects.toMatchObject({ code: ErrorCode.SessionExpired });
  });

  it('is suspended at a third of its timeout without the store, answers nothing then, and is attached again', async () => {
    const world = new World();
    const client = await directClient(world);
    await client.do(op.create('/a'));
    await client.do(op.create('/e', 'ephemeral'));
    const { epoch } = client.transport.session!;
    client.cutOff();
    await world.clock.advance(TIMEOUT_MS / 3 + 300);
    expect(client.states).toEqual(['connected', 'suspended']);
    const waiting = [op.local('/a'), op.set('/a', 'late')].map((operation) => client.begin(operation).answer);
    await world.clock.advance(100);
    expect(client.told.filter(({ what }) => what === 'answer')).toHaveLength(2);
    client.reconnect();
    const answers = await world.until(Promise.all(waiting));
    expect(answers[1]?.result).toMatchObject({ kind: 'setData', stat: { version: 1 } });
    expect(client.states).toEqual(['connected', 'suspended', 'connected']);
    expect(client.transport.session!.epoch).toBe(epoch + 1);
    expect(exists(await client.do(op.exists('/e')))).toBe(true);
  });

  it('finishes a write that was under way when it was suspended, once', async () => {
    const world = new World();
    const client = await directClient(world);
    await client.do(op.create('/q'));
    client.store.intercept = ({ operation, table }) =>
      operation === 'put' && table === 'log' ? 'lostReply' : 'lostRequest';
    const answers = [1, 2, 3].map(() => client.begin(op.create('/q/n', 'persistentSequential')).answer);
    await world.clock.advance(TIMEOUT_MS / 2);
    client.reconnect();
    const paths = (await world.until(Promise.all(answers))).map(
      ({ result }) => 'path' in result && result.path,
    );
    expect(paths).toEqual(['/q/n0000000000', '/q/n0000000001', '/q/n0000000002']);
    const { result } = await client.do(op.children('/q'));
    expect(result).toMatchObject({ kind: 'getChildren', stat: { numChildren: 3 } });
    expect(client.states).toEqual(['connected', 'suspended', 'connected']);
  });

  it('goes on in another process with its id and password, and its numbers go on', async () => {
    const world = new World();
    const client = await directClient(world);
    await client.do(op.create('/e', 'ephemeral'));
    const { id, password } = client.transport.session!;
    client.cutOff();
    const next = await directClient(world, { session: { id, password } });
    expect(next.transport.session).toMatchObject({ id, password, epoch: 2 });
    await next.do(op.set('/e', 'mine'));
    const { entries } = await world.log();
    const numbers = entries.flatMap(({ txns }) => txns.flatMap(({ cxid }) => (cxid > 0 ? [cxid] : [])));
    expect(numbers).toEqual([1, 2]);
    client.reconnect();
    await world.clock.advance(3000);
    expect(client.states.at(-1)).toBe('lost');
    expect(client.reasons.at(-1)).toMatchObject({ code: ErrorCode.SessionMoved });
    expect(next.states).toEqual(['connected']);
    await world.clock.advance(2 * TIMEOUT_MS);
    expect(exists(await next.do(op.exists('/e')))).toBe(true);
  });

  it('that somebody else attached while this process was suspended is left to them', async () => {
    const world = new World();
    const client = await directClient(world);
    const { id, password } = client.transport.session!;
    client.cutOff();
    await world.clock.advance(TIMEOUT_MS / 2);
    expect(client.states.at(-1)).toBe('suspended');
    const next = await directClient(world, { session: { id, password } });
    client.reconnect();
    await world.clock.advance(2 * TIMEOUT_MS);
    expect(client.states.at(-1)).toBe('lost');
    expect(client.reasons.at(-1)).toMatchObject({ code: ErrorCode.SessionMoved });
    expect(next.states).toEqual(['connected']);
    expect(next.transport.session!.epoch).toBe(2);
  });

  it('may move to a gateway and leave its former process without a say', async () => {
    const world = new World();
    const client = await directClient(world);
    await client.do(op.create('/a'));
    const { id, password } = client.transport.session!;
    const one = await gateway(world);
    const taken = await world.until(
      one.sessions.attach({
        session: BigInt('0x' + id),
        password: Buffer.from(password, 'hex'),
        timeoutMs: TIMEOUT_MS,
      }),
    );
    expect(taken).toMatchObject({ epoch: 2 });
    await expect(client.do(op.set('/a', 'x'))).rejects.toMatchObject({
      code: ErrorCode.SessionMoved,
      maybeApplied: false,
    });
    expect(client.states).toEqual(['connected', 'lost']);
  });

  it('is refused when it is over, when the password is wrong, or when it is none', async () => {
    const world = new World();
    const client = await directClient(world);
    const { id, password } = client.transport.session!;
    const wrong = '00'.repeat(16);
    await expect(directClient(world, { session: { id, password: wrong } })).rejects.toMatchObject({
      code: ErrorCode.SessionExpired,
    });
    await world.until(client.transport.close());
    await expect(directClient(world, { session: { id, password } })).rejects.toMatchObject({
      code: ErrorCode.SessionExpired,
    });
    await expect(directClient(world, { session: { id: 'x', password } })).rejects.toMatchObject({
      code: ErrorCode.BadArguments,
    });
  });

  it('is given up when the signal aborts before the store has answered', async () => {
    const world = new World();
    const client = new DirectClient(world);
    client.cutOff();
    const abort = new AbortController();
    const handlers = { onState: () => undefined, onEvent: () => undefined };
    const starting = client.transport.start(handlers, abort.signal);
    starting.catch(() => undefined);
    await world.clock.advance(2000);
    abort.abort(new Error('enough'));
    await expect(world.until(starting)).rejects.toMatchObject({ name: 'Unavailable' });
    await world.clock.advance(20_000);
  });
});
