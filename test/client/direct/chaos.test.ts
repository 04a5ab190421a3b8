import { describe, expect, it } from 'vitest';
import type { TransportAnswer, TransportOperation } from '../../../lib/client/transport.js';
import { World, text } from '../../keeper/world.js';
import { directClient, op, type DirectClient } from './clients.js';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const ROUNDS = 60;
const PATHS = ['/a', '/b', '/a/x', '/a/y'];

interface Sent {
  readonly client: DirectClient;
  readonly operation: TransportOperation;
  /** Undefined: given up, and this is what giving up said. */
  outcome: TransportAnswer | Error | { readonly mayHaveHappened: boolean } | undefined;
}

function anyOperation(world: World, tag: string): TransportOperation {
  const path = world.pick(PATHS);
  return world.pick([
    () => op.create(path, 'persistent', tag),
    () => op.create(path, 'ephemeral', tag),
    () => op.create('/a/q', 'persistentSequential', tag),
    () => op.set(path, tag),
    () => op.set(path, tag, world.int(3)),
    () => op.delete(path),
    () => op.get(path, world.int(2) === 0),
    () => op.children('/a', world.int(2) === 0),
    () => op.local(path),
  ])();
}

function send(world: World, client: DirectClient, tag: string): Sent {
  const operation = anyOperation(world, tag);
  const sent: Sent = { client, operation, outcome: undefined };
  const { answer, cancel } = client.begin(operation);
  const tell = (outcome: TransportAnswer | Error) => (sent.outcome = outcome);
  answer.then(tell, tell);
  if (world.int(10) === 0) {
    void world.clock.after(world.int(60), () => {
      sent.outcome ??= { mayHaveHappened: cancel() };
    });
  }
  return sent;
}

/** How often data that is like no other was written, by the log. */
async function appearances(world: World): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>();
  for (const { first, txns } of (await world.log()).entries) {
    for (const [index, { effect }] of txns.entries()) {
      if ((effect.type !== 'create' && effect.type !== 'setData') || !(effect.data instanceof Uint8Array))
        continue;
      const tag = Buffer.from(effect.data).toString();
      found.set(tag, [...(found.get(tag) ?? []), first + index]);
    }
  }
  return found;
}

describe('direct clients on a store that fails in every way', () => {
  it.each(SEEDS)('do each write at most once, as they were told, in their order (seed %i)', async (seed) => {
    const world = new World(seed);
    const clients = [await directClient(world), await directClient(world), await directClient(world)];
    await clients[0]!.do(op.create('/a'));
    const faults = { lostReply: 0.15, lostRequest: 0.1, throttle: 0.05, delayedWrite: 0.1, delayMaxMs: 300 };
    for (const { store } of clients) Object.assign(store.faults, faults);
    const sent: (Sent & { tag: string })[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, client] of clients.entries()) {
        for (let left = world.int(4); left > 0; left--) {
          const tag = `${index}-${sent.length}`;
          sent.push(Object.assign(send(world, client, tag), { tag }));
        }
      }
      await world.clock.advance(world.int(40));
    }
    for (const { store } of clients)
      Object.assign(store.faults, { lostReply: 0, lostRequest: 0, throttle: 0, delayedWrite: 0 });
    await world.clock.advance(30_000);

    expect(sent.filter(({ outcome }) => outcome === undefined)).toEqual([]);
    const answered = sent.filter(({ outcome }) => outcome !== undefined && 'zxid' in outcome);
    expect(answered.length).toBeGreaterThan(sent.length / 5);
    const found = await appearances(world);
    const wrong: string[] = [];
    for (const { operation, outcome, tag } of sent) {
      if (!('data' in operation)) continue;
      const zxids = found.get(tag) ?? [];
      const what = `${text(operation)} told ${text(outcome)}, found at ${zxids.join(' and ') || 'no zxid'}`;
      if (zxids.length > 1) wrong.push(`twice: ${what}`);
      if (outcome instanceof Error && !('maybeApplied' in outcome && outcome.maybeApplied === true)) {
        if (zxids.length > 0) wrong.push(`refused and done: ${what}`);
      } else if (outcome !== undefined && 'zxid' in outcome && zxids[0] !== outcome.zxid) {
        wrong.push(`done elsewhere: ${what}`);
      } else if (outcome !== undefined && 'mayHaveHappened' in outcome) {
        if (!outcome.mayHaveHappened && zxids.length > 0) wrong.push(`given up and done: ${what}`);
      }
    }
    expect(wrong).toEqual([]);
    await checkNumbers(world);
    for (const client of clients) checkOrder(client);
  });
});

/** The numbers of each session's writes, and what is told of them, go 1, 2, 3 …. */
async function checkNumbers(world: World): Promise<void> {
  const last = new Map<bigint, number>();
  for (const { txns } of (await world.log()).entries) {
    for (const { session, cxid } of txns) {
      if (cxid === 0) continue;
      expect(cxid).toBe((last.get(session) ?? 0) + 1);
      last.set(session, cxid);
    }
  }
  expect(last.size).toBe(3);
}

/** No event comes after an answer that shows its change, and no answer shows an older state than one before. */
function checkOrder({ told }: DirectClient): void {
  let shown = 0;
  for (const one of told) {
    if (one.what === 'event') expect(one.event.zxid!).toBeGreaterThan(shown);
    else {
      expect(one.answer.zxid).toBeGreaterThanOrEqual(shown);
      shown = one.answer.zxid;
    }
  }
}
