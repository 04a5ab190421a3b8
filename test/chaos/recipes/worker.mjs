// One process that uses a recipe, for main.ts, which kills and freezes it: node worker.mjs KIND OPTIONS SEED, the options of connect as JSON
// It tells its parent of every access, with the fencing token, and with when it looked whether it still held the recipe.
import { setTimeout } from 'node:timers/promises';
import { connect, ZeroKeeperError } from 'zerokeeper';
import { Barrier, DoubleBarrier, LeaderLatch, LockingQueue, Mutex, Semaphore } from 'zerokeeper/recipes';

const [kind, options, seed] = process.argv.slice(2);
const stop = new AbortController();
process.on('message', (message) => message === 'stop' && stop.abort());
process.on('disconnect', () => process.exit(1));
process.on('warning', ({ message }) => process.send({ what: 'warning', message }));

let state = Number(seed);
/** From 0 to below 1; small and repeatable is enough. */
function random() {
  state = (state * 48271) % 2147483647;
  return state / 2147483647;
}

/** Ends early when the parent says so. */
const pause = (ms) => setTimeout(ms, undefined, { signal: stop.signal }).catch(() => undefined);

// One clock for all processes of a machine.
const nowMs = () => Number(process.hrtime.bigint() / 1000n) / 1000;
const text = (data) => new TextDecoder().decode(data);

/** Uses the resource for a while, as often as it finds that it may. */
async function use(held) {
  while (!stop.signal.aborted && random() < 0.8) {
    const checkedMs = nowMs();
    if (!held.isHeld) return;
    process.send({ what: 'access', token: held.fencingToken, checkedMs, sentMs: nowMs() });
    await pause(random() * 60);
  }
}

async function underLock(acquire) {
  const held = await acquire();
  try {
    await use(held);
  } finally {
    await held.release();
  }
}

const rounds = {
  mutex: (client) => {
    const mutex = new Mutex(client, '/recipes/mutex');
    return () => underLock(() => mutex.acquire({ signal: stop.signal }));
  },
  semaphore: (client) => {
    const semaphore = new Semaphore(client, '/recipes/semaphore', { leases: 2 });
    return () => underLock(() => semaphore.acquire({ signal: stop.signal }));
  },
  leader: (client) => async () => {
    const latch = new LeaderLatch(client, '/recipes/leader', { id: String(process.pid) });
    try {
      await use(await latch.untilLeader({ signal: stop.signal }));
    } finally {
      await latch.close();
    }
  },
  queue: (client) => {
    const queue = new LockingQueue(client, '/recipes/queue');
    return async () => {
      const item = await queue.take({ signal: stop.signal });
      try {
        process.send({ what: 'processed', item: text(item.data) });
        await pause(random() * 100);
        await item.complete();
      } finally {
        await item.release();
      }
    };
  },
  barrier: (client) => {
    const barrier = new Barrier(client, '/recipes/barrier');
    return async () => {
      await barrier.wait({ signal: stop.signal });
      process.send({ what: 'passed' });
      await pause(50);
    };
  },
  doubleBarrier: (client) => async () => {
    const barrier = new DoubleBarrier(client, '/recipes/double', { count: 2 });
    await barrier.enter({ signal: stop.signal });
    process.send({ what: 'passed' });
    await pause(random() * 100);
    await barrier.leave();
  },
};

const isOver = (client) => client.state === 'lost' || client.state === 'closed';

async function session() {
  const client = await connect(JSON.parse(options));
  try {
    const round = rounds[kind](client);
    process.send({ what: 'connected' });
    while (!stop.signal.aborted && !isOver(client)) {
      await round().catch(tell);
      await pause(random() * 20);
    }
  } finally {
    await client.close();
  }
}

/** What goes wrong with the cluster is told to an application by the client's errors. Anything else is one of ours. */
function tell(error) {
  const causes = error instanceof AggregateError ? error.errors : [error];
  const strange = causes.find((one) => !(one instanceof ZeroKeeperError) || one.name === 'SystemError');
  if (strange !== undefined) process.send({ what: 'error', message: String(strange?.stack ?? strange) });
}

while (!stop.signal.aborted) {
  await session().catch(tell);
  await pause(200);
}
process.send({ what: 'done' }, () => process.exit(0));
