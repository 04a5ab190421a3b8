import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { ZeroKeeperClient } from '../client/client.js';
import { BadVersionError, NoNodeError, ZeroKeeperError } from '../client/errors.js';
import type { ClientOptions } from '../client/options.js';
import { PausableClock } from './pausable-clock.js';

/** The timeout of the test's sessions: the shortest that every server grants. */
export const SMOKE_SESSION_TIMEOUT_MS = 4000;
/** An event, or the end of a session, that is later than this beyond its time has not come. The sweep alone takes a minute. */
export const SMOKE_PATIENCE_MS = 75_000;
/** Later than this beyond its timeout a session's end came by the sweep: the timers do not work. */
export const EXPIRY_LATE_MS = 10_000;

export interface SmokeTestOptions {
  /** Opens a session at the deployment. */
  readonly connect: (options: ClientOptions) => Promise<ZeroKeeperClient>;
  readonly clock: Clock;
  readonly random: Random;
  readonly onStep?: (step: SmokeStep) => void;
}

/** One thing that was tried. */
export interface SmokeStep {
  readonly name: string;
  readonly tookMs: number;
  /** It works, but not as it should. */
  readonly warning?: string;
  /** What went wrong. The steps after it were not tried, but for cleaning up. */
  readonly failure?: string;
}

/**
 * Tries on a running deployment what applications live by: writes, reads, versions, transactions, watches, ephemerals of sessions that end
 * and that fall silent. Everything happens below one znode of its own, which is gone afterwards. Resolves to the steps; the
 * last one that was tried tells of a failure.
 */
export async function smokeTest(options: SmokeTestOptions): Promise<SmokeStep[]> {
  const run = new SmokeRun(options);
  try {
    await run.steps();
  } finally {
    await run.cleanUp();
  }
  return run.results;
}

class StepFailed extends Error {
  override readonly name = 'StepFailed';
}

class SmokeRun {
  readonly results: SmokeStep[] = [];
  readonly #options: SmokeTestOptions;
  readonly #root: string;
  readonly #clients: ZeroKeeperClient[] = [];
  readonly #silent: PausableClock;

  constructor(options: SmokeTestOptions) {
    this.#options = options;
    this.#root = `/zerokeeper-smoke-test-${Buffer.from(options.random.bytes(8)).toString('hex')}`;
    this.#silent = new PausableClock(options.clock);
  }

  /** One after the other, until one fails. */
  async steps(): Promise<void> {
    const all: readonly [string, () => Promise<string | undefined>][] = [
      ['connect two sessions', () => this.#connect()],
      ['write and read', () => this.#writeAndRead()],
      ['refuse a stale version', () => this.#refuse()],
      ['do all of a transaction or nothing', () => this.#transact()],
      ['number sequential znodes', () => this.#number()],
      ['tell a watch of a change', () => this.#watch()],
      ['remove the ephemerals of a session that is closed', () => this.#close()],
      ['expire a session that falls silent', () => this.#expire()],
    ];
    for (const [name, work] of all) {
      if (!(await this.#step(name, work))) return;
    }
  }

  async cleanUp(): Promise<void> {
    this.#silent.resume();
    await this.#step('clean up', async () => {
      const [client] = this.#clients;
      if (client !== undefined) await deleteTree(client, this.#root);
      await Promise.all(this.#clients.map((each) => each.close()));
      return undefined;
    });
  }

  async #step(name: string, work: () => Promise<string | undefined>): Promise<boolean> {
    const { clock, onStep } = this.#options;
    const beganMs = clock.monotonic();
    const outcome = await outcomeOf(work);
    const step = { name, tookMs: Math.round(clock.monotonic() - beganMs), ...outcome };
    this.results.push(step);
    onStep?.(step);
    return outcome.failure === undefined;
  }

  async #connect(): Promise<undefined> {
    const { connect } = this.#options;
    const options = { sessionTimeoutMs: SMOKE_SESSION_TIMEOUT_MS };
    this.#clients.push(await connect(options));
    this.#clients.push(await connect({ ...options, clock: this.#silent }));
  }

  get #observer(): ZeroKeeperClient {
    return this.#client(0);
  }

  /** The session that ends in the course of the test. */
  get #worker(): ZeroKeeperClient {
    return this.#client(1);
  }

  #client(index: number): ZeroKeeperClient {
    const client = this.#clients[index];
    if (client === undefined) throw new StepFailed('there is no session');
    return client;
  }

  async #writeAndRead(): Promise<undefined> {
    await this.#observer.create(this.#root, 'one');
    await this.#observer.set(this.#root, 'two');
    await this.#worker.sync(this.#root);
    const { data, stat } = await this.#worker.get(this.#root);
    const text = new TextDecoder().decode(data);
    if (text !== 'two' || stat.version !== 1) {
      throw new StepFailed(`the other session reads ${JSON.stringify(text)} in version ${stat.version}`);
    }
  }

  async #refuse(): Promise<undefined> {
    await expectError(this.#worker.set(this.#root, 'three', { version: 0 }), BadVersionError);
  }

  async #transact(): Promise<undefined> {
    const path = `${this.#root}/transaction`;
    const doomed = this.#worker.multi([
      { op: 'create', path },
      { op: 'create', path: this.#root },
    ]);
    await expectError(doomed, ZeroKeeperError);
    if ((await this.#worker.exists(path)) !== undefined) throw new StepFailed('half of it was done');
  }

  async #number(): Promise<undefined> {
    const paths: string[] = [];
    for (const client of this.#clients) {
      const { path } = await client.create(`${this.#root}/number-`, '', { mode: 'persistentSequential' });
      paths.push(path);
    }
    const [first = '', second = ''] = paths;
    if (!(first < second)) throw new StepFailed(`${second} came after ${first}`);
  }

  async #watch(): Promise<string | undefined> {
    const tookMs = await this.#told({ path: this.#root, type: 'data' }, () =>
      this.#worker.set(this.#root, 'watched'),
    );
    return tookMs > 2000
      ? `the event took ${tookMs} ms: is the WebSocket reachable, and notify running?`
      : undefined;
  }

  async #close(): Promise<undefined> {
    const { connect } = this.#options;
    const client = await connect({ sessionTimeoutMs: SMOKE_SESSION_TIMEOUT_MS });
    const path = `${this.#root}/closed`;
    await client.create(path, '', { mode: 'ephemeral' });
    await client.close();
    await this.#observer.sync(path);
    if ((await this.#observer.exists(path)) !== undefined) throw new StepFailed(`${path} is still there`);
  }

  async #expire(): Promise<string | undefined> {
    const path = `${this.#root}/silent`;
    await this.#worker.create(path, '', { mode: 'ephemeral' });
    const tookMs = await this.#told({ path, type: 'exists' }, () => this.#silent.pause());
    const lateMs = tookMs - SMOKE_SESSION_TIMEOUT_MS;
    if (lateMs <= EXPIRY_LATE_MS) return undefined;
    return `it took ${lateMs} ms more than its timeout: only the sweep found it; see the queue of timers and expire's log`;
  }

  /** Ms from the cause until the observer is told of its effect. */
  async #told(
    { path, type }: { readonly path: string; readonly type: 'data' | 'exists' },
    cause: () => unknown,
  ): Promise<number> {
    const { clock } = this.#options;
    let tell: () => void = () => undefined;
    const event = new Promise<void>((resolve) => (tell = resolve));
    const observer = this.#observer;
    await (type === 'data' ? observer.get(path, { watch: tell }) : observer.exists(path, { watch: tell }));
    const beganMs = clock.monotonic();
    await cause();
    await withinPatience(event, clock);
    return Math.round(clock.monotonic() - beganMs);
  }
}

/** Rejects when the promise takes longer than anybody should wait. */
async function withinPatience<T>(promise: Promise<T>, clock: Clock): Promise<T> {
  let cancel: () => void = () => undefined;
  const late = new Promise<never>((_, reject) => {
    const end = () => reject(new StepFailed(`nothing came within ${SMOKE_PATIENCE_MS} ms`));
    cancel = clock.after(SMOKE_PATIENCE_MS, end);
  });
  return Promise.race([promise, late]).finally(() => cancel());
}

async function outcomeOf(
  work: () => Promise<string | undefined>,
): Promise<Pick<SmokeStep, 'warning' | 'failure'>> {
  try {
    const warning = await work();
    return warning === undefined ? {} : { warning };
  } catch (error) {
    if (error instanceof StepFailed || error instanceof ZeroKeeperError) {
      return { failure: `${error.name === 'StepFailed' ? '' : `${error.name}: `}${error.message}` };
    }
    throw error;
  }
}

type ErrorClass = abstract new (...parameters: never[]) => ZeroKeeperError;

async function expectError(promise: Promise<unknown>, expected: ErrorClass): Promise<undefined> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof expected) return undefined;
    throw error;
  }
  throw new StepFailed('it was accepted');
}

async function deleteTree(client: ZeroKeeperClient, path: string): Promise<void> {
  try {
    const { children } = await client.getChildren(path);
    for (const child of children) await deleteTree(client, `${path}/${child}`);
    await client.delete(path);
  } catch (error) {
    // An ephemeral of the test may go by itself in between.
    if (!(error instanceof NoNodeError)) throw error;
  }
}
