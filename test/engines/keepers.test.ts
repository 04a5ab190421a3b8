import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.js';
import { systemRandom, seededRandom } from '../../lib/base/random.js';
import type { ReadRequest, WriteRequest } from '../../lib/core/types.js';
import { Blobs } from '../../lib/keeper/blobs.js';
import { blobsOfEntry } from '../../lib/keeper/blob-references.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { readEntry } from '../../lib/keeper/log-rows.js';
import { Materializer } from '../../lib/keeper/materializer.js';
import { queryAll } from '../../lib/keeper/query.js';
import { isTombstone, nodeOfRow, stateKey } from '../../lib/keeper/rows.js';
import { KeeperError } from '../../lib/keeper/types.js';
import type { Store } from '../../lib/log/store.js';
import { StoreError } from '../../lib/log/store.js';
import { useEngine } from '../support/engine.js';
import { ANYONE, NAMESPACE, TINY_VIEW, create, judge, same } from '../keeper/world.js';
import type { History, Observation } from '../keeper/world.js';

const engine = useEngine();

const KEEPERS = 3;
const REQUESTS_A_KEEPER = 80;
const AT_ONCE = 5;
const LOST_SHARE = 0.15;
const PATHS = ['/a', '/b', '/a/x', '/a/y', '/b/x'];

/**
 * Several keepers write to one namespace on an engine of its own making, over connections that lose one reply in seven. The simulated
 * store is ours, and so are the mistakes in it: here the conditional puts, the failed conditions and the reads are those of a DynamoDB that others wrote.
 */
describe('keepers that contend on a DynamoDB engine, with replies lost', () => {
  it('answer as a sequential replay of the log does, and leave rows that equal it', async () => {
    const store = await engine.freshStore();
    const shared = { namespace: NAMESPACE, clock: systemClock, random: systemRandom };
    const keepers = Array.from({ length: KEEPERS }, (_, index) => {
      const view = index === 1 ? { viewLimits: TINY_VIEW } : {};
      return new Keeper({ ...shared, ...view, store: losing(store, index + 1) });
    });
    const observations: Observation[] = [];
    let doubtful = 0;
    let knownZxid = 0;
    const ask = async (index: number, random: () => number) => {
      const keeper = keepers[index]!;
      const known = knownZxid;
      const request = anyRequest(random);
      try {
        if ('path' in request && isRead(request)) {
          const { answer, zxid } = await linearizableRead(keeper, request);
          observations.push({
            kind: 'read',
            keeper: index,
            knownZxid: known,
            request,
            linearizable: true,
            zxid,
            answer,
          });
          knownZxid = Math.max(knownZxid, zxid);
          return;
        }
        const write = request;
        const outcome = await keeper.write(write, ANYONE);
        observations.push({
          kind: 'write',
          keeper: index,
          knownZxid: known,
          request: write,
          origin: ANYONE,
          outcome,
        });
        knownZxid = Math.max(knownZxid, outcome.zxid);
      } catch (error) {
        if (!(error instanceof KeeperError)) throw error;
        doubtful++;
      }
    };
    const materializer = new Materializer({ ...shared, store: losing(store, 99) });
    const load = keepers.flatMap((_, index) =>
      Array.from({ length: AT_ONCE }, async (_unused, lane) => {
        const random = seededRandom(1000 * index + lane);
        for (let left = REQUESTS_A_KEEPER / AT_ONCE; left > 0; left--) {
          await ask(index, () => random.float());
          if (lane === 0 && index === 0) await materializer.run().catch(onlyKeeperErrors);
        }
      }),
    );
    await Promise.all(load);
    for (const keeper of keepers) await keeper.stop();

    const history = await historyOf(store);
    const { state, faults } = judge(history, observations);
    expect(faults).toEqual([]);
    expect(observations.length + doubtful).toBe(KEEPERS * REQUESTS_A_KEEPER);
    expect(observations.length).toBeGreaterThan((KEEPERS * REQUESTS_A_KEEPER) / 2);
    await new Materializer({ ...shared, store }).run();
    for (const path of PATHS) {
      const row = await store.get('state', stateKey.node(NAMESPACE, path));
      const found = row === undefined || isTombstone(row) ? null : nodeOfRow(row);
      expect(same(found, state.node(path) ?? null), `${path} as it is in its row`).toBe(true);
    }
  });
});

function isRead(request: ReadRequest | WriteRequest): request is ReadRequest {
  return request.kind === 'getData' || request.kind === 'getChildren';
}

function anyRequest(random: () => number): ReadRequest | WriteRequest {
  const path = PATHS[Math.floor(random() * PATHS.length)]!;
  const roll = random();
  if (roll < 0.3) return create(path, `${random()}`, roll < 0.1 ? 'persistentSequential' : 'persistent');
  if (roll < 0.6) return { kind: 'setData', path, data: Buffer.from(`${random()}`), version: -1 };
  if (roll < 0.7) return { kind: 'delete', path, version: -1 };
  return { kind: roll < 0.85 ? 'getData' : 'getChildren', path };
}

async function linearizableRead(keeper: Keeper, request: ReadRequest) {
  await keeper.replica.sync();
  for (;;) {
    const answer = keeper.tryRead(request, []);
    if (answer !== undefined) return { answer, zxid: keeper.head };
    await keeper.hydrateFor(request);
  }
}

function onlyKeeperErrors(error: unknown): void {
  if (!(error instanceof KeeperError)) throw error;
}

/** The same store over a connection that loses a share of its replies: the work was done, and nobody is told. */
function losing(store: Store, seed: number): Store {
  const random = seededRandom(seed);
  const perhaps = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    if (random.float() < LOST_SHARE) throw new StoreError('Unavailable', 'the reply was lost');
    return result;
  };
  return {
    get: (table, key) => perhaps(store.get(table, key)),
    put: (input) => perhaps(store.put(input)),
    update: (input) => perhaps(store.update(input)),
    delete: (input) => perhaps(store.delete(input)),
    query: (input) => perhaps(store.query(input)),
  };
}

async function historyOf(store: Store): Promise<History> {
  const options = { store, namespace: NAMESPACE, clock: systemClock, random: systemRandom };
  const blobs = new Blobs(options);
  const rows = await queryAll(options, { store, table: 'log', partition: NAMESPACE });
  const entries = await Promise.all(rows.map(async (row) => (await readEntry(row, blobs)).entry));
  const contents = new Map<string, Uint8Array>();
  for (const reference of entries.flatMap(blobsOfEntry))
    contents.set(reference.blob, await blobs.read(reference));
  return { entries, blobs: contents };
}
