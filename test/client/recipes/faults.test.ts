/** The recipes while connections break, answers are lost, processes stand still and sessions expire, in a time of the test's own. */
import { expect, it } from 'vitest';
import { sleep } from '../../../lib/base/clock.js';
import { seededRandom, type Random } from '../../../lib/base/random.js';
import { ZeroKeeperError } from '../../../lib/client/index.js';
import {
  Barrier,
  DoubleBarrier,
  LeaderLatch,
  LockingQueue,
  Mutex,
  Semaphore,
  type Held,
} from '../../../lib/client/recipes/index.js';
import { names, text } from './helpers.js';
import { describeOnAll, type Peer, type World } from './world.js';

const SESSION_MS = 9_000;
/** Longer than a session lives without its client. */
const OUTAGE_MS = 22_000;
const PAUSE_MS = 1_500;
/** What a holder takes for its work, so that time goes on while something is held. */
const WORK_MS = 400;

const ROUNDS = 5;
const ROUNDS_MAX = 200;

const SEED = Number(process.env['SEED'] ?? 7);

/** Something that is written under a lock and refuses tokens that are older than one it has seen. */
class Resource {
  readonly tokens: number[] = [];
  refused = 0;

  write(token: number): void {
    if (token < (this.tokens.at(-1) ?? 0)) this.refused++;
    else this.tokens.push(token);
  }
}

/** Breaks the ways of some peers, moves time on, heals them. A third of the cuts outlasts the session. */
async function disturb(world: World, peers: readonly Peer[], random: Random): Promise<void> {
  for (const peer of peers) {
    const dice = random.float();
    if (dice < 0.3) peer.cut();
    else if (dice < 0.6) peer.loseNextReply();
  }
  await world.advance(random.float() < 0.33 ? OUTAGE_MS : PAUSE_MS);
  for (const peer of peers) peer.heal();
  await world.advance(PAUSE_MS);
}

/** Three peers that work until somebody has seen enough, each with a new session whenever its old one is lost. */
class Workers {
  /** The latest of each. */
  readonly peers: (Peer | undefined)[] = [undefined, undefined, undefined];
  /** Pieces of work that ended, well or not. */
  ended = 0;
  isOver = false;
  isDone = false;
  readonly #done: Promise<unknown>;

  constructor(world: World, work: (peer: Peer) => Promise<void>) {
    const workers = this.peers.map(async (_, index) => {
      while (!this.isOver) {
        // Whatever the server or the recipe says of a fault is fine; anything else is a bug.
        await this.#attempt(world, { index, work }).catch((error: unknown) => {
          if (!(error instanceof ZeroKeeperError)) throw error;
        });
        this.ended++;
      }
    });
    this.#done = Promise.all(workers);
    // One that fails ends the others, and the test.
    this.#done.catch(() => (this.isOver = true));
    void Promise.allSettled(workers).then(() => (this.isDone = true));
  }

  /** True while none has ended a piece of work beyond so many, and none has failed. */
  areBusySince(ended: number): boolean {
    return !this.isOver && this.ended === ended;
  }

  /** Rejects with what a worker has failed with. */
  get done(): Promise<unknown> {
    return this.#done;
  }

  async #attempt(
    world: World,
    { index, work }: { index: number; work: (peer: Peer) => Promise<void> },
  ): Promise<void> {
    let peer = this.peers[index];
    if (peer === undefined || peer.client.state === 'lost') {
      peer = await world.openPeer({ sessionTimeoutMs: SESSION_MS });
      this.peers[index] = peer;
    }
    await work(peer);
  }
}

/** Who is at a rendezvous at the same time. */
class Meeting {
  readonly #world: World;
  readonly #present = new Set<{ wasAlone: boolean }>();
  #thrownOutAtMs = Number.NEGATIVE_INFINITY;

  constructor(world: World) {
    this.#world = world;
  }

  /** `wasAlone` tells whether nobody else has been there since; the znode of one that a fault has thrown out stays for a while. */
  async join(stay: (wasAlone: () => boolean) => Promise<void>): Promise<void> {
    const self = { wasAlone: this.#present.size === 0 };
    for (const other of this.#present) other.wasAlone = false;
    this.#present.add(self);
    const { clock } = this.#world;
    try {
      await stay(() => self.wasAlone && clock.monotonic() - this.#thrownOutAtMs > OUTAGE_MS);
    } catch (error) {
      this.#thrownOutAtMs = clock.monotonic();
      throw error;
    } finally {
      this.#present.delete(self);
    }
  }
}

const work = (world: World) => sleep(world.clock, WORK_MS);

describeOnAll(
  'under faults',
  (world) => {
    /** At least `ROUNDS` rounds of faults, and until there was enough to see. */
    const run = async (isEnough: () => boolean, work: (peer: Peer) => Promise<void>) => {
      const random = seededRandom(SEED);
      const workers = new Workers(world, work);
      try {
        for (let round = 0; !workers.isOver && (round < ROUNDS || !isEnough()); round++) {
          expect(round).toBeLessThan(ROUNDS_MAX);
          const { ended } = workers;
          const peers = workers.peers.filter((peer) => peer !== undefined && peer.client.state !== 'lost');
          await disturb(world, peers as Peer[], random);
          // The test's time must not run away from a machine that is slow: something has to come of each round.
          while (workers.areBusySince(ended)) await world.advance(PAUSE_MS);
        }
      } finally {
        workers.isOver = true;
        // Whoever still waits for a lost session's lock gets it in time.
        while (!workers.isDone) await world.advance(PAUSE_MS);
      }
      await workers.done;
    };

    it(`a mutex is held by one at a time, and a resource sees tokens rise (SEED=${SEED})`, async () => {
      const resource = new Resource();
      const holders = new Set<Held>();
      await run(
        () => resource.tokens.length > 5,
        async ({ client }) => {
          const mutex = new Mutex(client, `${world.base}/mutex`);
          await using lock = await mutex.acquire({ timeoutMs: 60_000 });
          holders.add(lock);
          expect([...holders].filter(({ isHeld }) => isHeld)).toHaveLength(lock.isHeld ? 1 : 0);
          await work(world);
          if (lock.isHeld) resource.write(lock.fencingToken);
          holders.delete(lock);
        },
      );
      expect(resource.refused).toBe(0);
      await expectEmpty(`${world.base}/mutex`);
    }, 60_000);

    it(`there is one leader a term, and one at a time (SEED=${SEED})`, async () => {
      const terms: number[] = [];
      const leaders = new Set<LeaderLatch>();
      await run(
        () => terms.length > 5,
        async ({ client }) => {
          await using latch = new LeaderLatch(client, `${world.base}/latch`);
          const { fencingToken } = await latch.untilLeader({ timeoutMs: 60_000 });
          leaders.add(latch);
          expect([...leaders].filter(({ isLeader }) => isLeader).length).toBeLessThanOrEqual(1);
          terms.push(fencingToken);
          await work(world);
          leaders.delete(latch);
        },
      );
      expect(new Set(terms).size).toBe(terms.length);
      await expectEmpty(`${world.base}/latch`);
    }, 60_000);

    it(`a semaphore is never over its limit (SEED=${SEED})`, async () => {
      const leases = new Set<Held>();
      let most = 0;
      await run(
        () => most > 1,
        async ({ client }) => {
          const semaphore = new Semaphore(client, `${world.base}/semaphore`, { leases: 2 });
          await using lease = await semaphore.acquire({ timeoutMs: 60_000 });
          leases.add(lease);
          const held = [...leases].filter(({ isHeld }) => isHeld).length;
          most = Math.max(most, held);
          await work(world);
          leases.delete(lease);
        },
      );
      expect(most).toBeGreaterThan(1);
      expect(most).toBeLessThanOrEqual(2);
      await expectEmpty(`${world.base}/semaphore/leases`);
      await expectEmpty(`${world.base}/semaphore/locks`);
    }, 60_000);

    it(`a locking queue loses no item (SEED=${SEED})`, async () => {
      const path = `${world.base}/queue`;
      const putting = new LockingQueue(await world.open(), path);
      const items = Array.from({ length: 12 }, (_, n) => `item ${n}`);
      for (const item of items) await putting.put(item);
      const processed = new Set<string>();
      await run(
        () => processed.size > 5,
        async ({ client }) => {
          const queue = new LockingQueue(client, path);
          await using item = await queue.take({ timeoutMs: 5_000 });
          await work(world);
          processed.add(text(item.data));
          await item.complete();
        },
      );
      const rest = new Set<string>();
      for (let left = await putting.size(); left > 0; left--) {
        await using item = await putting.take({ timeoutMs: 60_000 });
        rest.add(text(item.data));
        await item.complete();
      }
      expect(new Set([...processed, ...rest])).toEqual(new Set(items));
      await expectEmpty(`${path}/entries`);
      await expectEmpty(`${path}/taken`);
    }, 60_000);

    it(`barriers let everybody go, and nobody too early (SEED=${SEED})`, async () => {
      const gate = new Barrier(await world.open(), `${world.base}/gate`);
      const rendezvous = `${world.base}/double`;
      const parties = new Meeting(world);
      let [passed, met] = [0, 0];
      await run(
        () => passed > 5 && met > 3,
        async ({ client }) => {
          const barrier = new Barrier(client, `${world.base}/gate`);
          await barrier.put();
          await work(world);
          await barrier.lift();
          await barrier.wait({ timeoutMs: 60_000 });
          passed++;
          const both = new DoubleBarrier(client, rendezvous, { count: 2 });
          await parties.join(async (wasAlone) => {
            await both.enter({ timeoutMs: 20_000 });
            expect(wasAlone()).toBe(false);
            await work(world);
            await both.leave({ timeoutMs: 20_000 });
            met++;
          });
        },
      );
      await gate.lift();
      await gate.wait({ timeoutMs: 1_000 });
      await expectEmpty(rendezvous);
    }, 60_000);

    /** When all sessions but this one are over. */
    async function expectEmpty(path: string): Promise<void> {
      await world.advance(OUTAGE_MS);
      const observer = await world.open({});
      expect(await names(observer, path)).toEqual([]);
    }
  },
  ['tcp', 'direct', 'lambda'],
);
