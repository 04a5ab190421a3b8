/** How soon after a write has been answered its watchers hear of it: the real functions, clients and keepers, in virtual time. */
import { createWatchWiring, type WatchWiring } from '../../functions/shared/watch-wiring.js';
import { createWiring, type FunctionWiring } from '../../functions/shared/wiring.js';
import { sleep } from '../../lib/base/clock.js';
import { silentLogger } from '../../lib/base/logger.js';
import { seededRandom } from '../../lib/base/random.js';
import { connect, type ZeroKeeperClient } from '../../lib/client/index.js';
import type { WebSocketLike } from '../../lib/client/transports/lambda/push.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { Samples, type Summary } from '../samples.js';
import { Cloud, Meter } from './cloud-store.js';
import { INVOKE_LATER_MS, INVOKE_MS, PUSH_MS, STREAM_MS } from './figures.js';
import { NAMESPACE } from './thin-client.js';
import { VirtualClock } from './virtual-clock.js';

const PATH = '/watched';
const LONG_MS = 3_600_000;
const EVENTS = 500;
/** Between two writes, so that each is an event of its own. */
const PAUSE_MS = 1_000;
const CONNECTION = 'connection';
/** Shares of the invocation that lie before the function's work, and after it. */
const WAY_MS = INVOKE_MS / 2;

interface Listener {
  readonly type: string;
  readonly hear: () => void;
}

/** The client's end of the WebSocket. */
class Socket implements WebSocketLike {
  readonly #listeners: Listener[] = [];

  addEventListener(type: 'open' | 'message' | 'close' | 'error', hear: () => void): void {
    this.#listeners.push({ type, hear });
  }

  fire(type: 'open' | 'message'): void {
    for (const listener of this.#listeners) if (listener.type === type) listener.hear();
  }

  /** The hello: the row is written by {@link Deployment.attach}. */
  send(): void {
    return undefined;
  }

  close(): void {
    return undefined;
  }
}

class Deployment {
  readonly clock = new VirtualClock();
  readonly #cloud = new Cloud({ clock: this.clock, random: seededRandom(5), limited: false });
  readonly #meter = new Meter();
  readonly #api: FunctionWiring;
  readonly #watches: WatchWiring;
  readonly #socket = new Socket();
  #failure: unknown;

  constructor(toldByWriter: boolean) {
    const notify = () => {
      this.#later(INVOKE_LATER_MS, () => this.#notify());
      return Promise.resolve();
    };
    this.#api = createWiring({ ...this.#common(1), ...(toldByWriter ? { notify } : {}) });
    const pusherOf = () => ({
      push: () => {
        this.#later(PUSH_MS, () => this.#socket.fire('message'));
        return Promise.resolve('sent' as const);
      },
    });
    this.#watches = createWatchWiring({ ...this.#common(2), logger: silentLogger, pusherOf });
  }

  #common(seed: number) {
    const store = this.#cloud.connect(this.#meter);
    return { store, clock: this.clock, random: seededRandom(seed), namespaces: [NAMESPACE] };
  }

  #later(delayMs: number, work: () => unknown): void {
    this.clock.after(delayMs, () => {
      Promise.resolve(work()).catch((error: unknown) => (this.#failure ??= error));
    });
  }

  #notify(): Promise<unknown> {
    return this.#watches.notifier(NAMESPACE).run({ deadlineMs: Infinity });
  }

  /** What the log's stream wakes, for every write. */
  stream(): void {
    this.#later(STREAM_MS, () => this.#notify());
  }

  /** A client over `lambda`; the invocation takes {@link INVOKE_MS}. */
  client(seed: number, isPushed: boolean): Promise<ZeroKeeperClient> {
    const { clock } = this;
    const invoke = async (payload: Uint8Array) => {
      const request: unknown = JSON.parse(new TextDecoder().decode(payload));
      await sleep(clock, WAY_MS);
      const caller = { requestId: 'r', namespace: NAMESPACE, authIds: [], remainingMs: () => LONG_MS };
      const answer = await this.#api.answer(request, caller);
      await sleep(clock, WAY_MS);
      return { payload: new TextEncoder().encode(JSON.stringify(answer)) };
    };
    const pushed = isPushed ? { webSocketUrl: 'ws://model', webSocket: () => this.#socket } : {};
    const times = { pollMs: LONG_MS, sessionTimeoutMs: LONG_MS };
    const random = seededRandom(seed);
    const options = { functionName: 'api', invoke, clock, random, ...pushed, ...times } as const;
    return connect({ transport: 'lambda', ...options });
  }

  /** Opens the watcher's WebSocket. */
  async attach(client: ZeroKeeperClient): Promise<void> {
    const { session } = client;
    if (session === undefined) throw new Error('no session');
    await this.#watches.connections(NAMESPACE).add(BigInt(`0x${session.id}`), CONNECTION);
    this.#socket.fire('open');
  }

  /** The client over `direct`, which follows the log while it watches. */
  direct(seed: number): Promise<ZeroKeeperClient> {
    const { store, clock, random } = this.#common(seed);
    return connect({ transport: 'direct', namespace: NAMESPACE, store, clock, random });
  }

  /** As a gateway has it. */
  follower(seed: number): Keeper {
    const { store, clock, random } = this.#common(seed);
    return new Keeper({ store, clock, random, namespace: NAMESPACE, follow: true });
  }

  check(): void {
    if (this.#failure !== undefined) throw new Error('a function failed', { cause: this.#failure });
  }
}

/** With the client that watches over `lambda`. */
export async function thinWatch(toldByWriter: boolean): Promise<Summary> {
  const deployment = new Deployment(toldByWriter);
  return measure(deployment, async (hear) => {
    const client = await deployment.client(2, true);
    await deployment.attach(client);
    return {
      arm: () => client.get(PATH, { watch: hear }),
      close: () => client.close(),
    };
  });
}

export async function directWatch(pauseMs: number): Promise<Summary> {
  const deployment = new Deployment(true);
  return measure(
    deployment,
    async (hear) => {
      const client = await deployment.direct(6);
      return {
        arm: () => client.get(PATH, { watch: hear }),
        close: () => client.close(),
      };
    },
    pauseMs,
  );
}

/** A gateway's keeper: what it does to tell its clients comes to microseconds, and takes no time here. */
export async function gatewayWatch(pauseMs: number): Promise<Summary> {
  const deployment = new Deployment(true);
  return measure(
    deployment,
    async (hear) => {
      const keeper = deployment.follower(7);
      await keeper.start();
      keeper.onCommit(({ txn }) => {
        if (txn.effect.type === 'setData' && txn.effect.path === PATH) hear();
      });
      return { arm: () => Promise.resolve(), close: () => keeper.stop() };
    },
    pauseMs,
  );
}

interface Watching {
  readonly arm: () => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

async function measure(
  deployment: Deployment,
  watch: (hear: () => void) => Promise<Watching>,
  pauseMs = PAUSE_MS,
): Promise<Summary> {
  const { clock } = deployment;
  const samples = new Samples();
  let heard: (() => void) | undefined;
  const run = async () => {
    const writer = await deployment.client(1, false);
    await writer.create(PATH);
    const watching = await watch(() => heard?.());
    for (let n = 0; n < EVENTS; n++) {
      await watching.arm();
      await sleep(clock, pauseMs * (0.5 + seededRandom(n).float()));
      const hearing = new Promise<number>((resolve) => {
        heard = () => resolve(clock.monotonic());
      });
      await writer.set(PATH, String(n));
      const answeredMs = clock.monotonic();
      deployment.stream();
      // Who follows the log closely may hear of it before the writer's answer has come back.
      samples.add(Math.max(0, (await hearing) - answeredMs));
    }
    await watching.close();
    await writer.close();
  };
  const begunMs = clock.monotonic();
  await clock.until(run());
  deployment.check();
  return samples.summarize(clock.monotonic() - begunMs);
}
