import { NoNodeError, type Stat, type Watch, type ZeroKeeperClient } from '../index.js';
import type { MetricListener } from './support/metrics.js';
import { RecipeContext } from './support/recipe.js';
import { abortedError, isOver, sessionOver, untilAnswered } from './support/waiting.js';

/** A znode as it was when it was looked at; undefined when there was none. */
export type DataState = { readonly data: Uint8Array; readonly stat: Stat } | undefined;

/** A znode's children as they were when it was looked at; undefined when there was no znode. */
export type ChildrenState = readonly string[] | undefined;

export interface WatchStatesOptions {
  /** Ends the iteration with AbortedError. */
  readonly signal?: AbortSignal | undefined;
  /** Told `updated` with each state. */
  readonly onMetric?: MetricListener | undefined;
}

/**
 * A znode's data, again and again: as it is now, then after each change.
 *
 * **Guarantees.** The first state comes at once, also when there is no znode (undefined), and the last one is never missed, also
 * across disconnects. States only go forward. Changes that come faster than they are taken become one.
 *
 * **Failure modes.** It ends when the client is closed and throws SessionExpiredError when the session is lost, AbortedError
 * when `signal` aborts, NoAuthError when the data may not be read.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { DataWatch } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * await client.create('/motd', 'hello');
 * for await (const state of new DataWatch(client, '/motd')) {
 *   console.log(state === undefined ? 'nothing' : new TextDecoder().decode(state.data));
 *   if (state === undefined) break;
 *   await client.delete('/motd');
 * }
 * ```
 */
export class DataWatch implements AsyncIterable<DataState> {
  readonly #context: RecipeContext;
  readonly #signal: AbortSignal | undefined;

  constructor(client: ZeroKeeperClient, path: string, { signal, onMetric }: WatchStatesOptions = {}) {
    this.#context = new RecipeContext('DataWatch', client, { path, onMetric });
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): AsyncGenerator<DataState, undefined> {
    const { client, path } = this.#context;
    return states(this.#context, { signal: this.#signal, type: 'exists' }, async () => {
      const { data, stat } = await client.get(path, { signal: this.#signal });
      return { data, stat };
    });
  }
}

/**
 * The names of a znode's children, sorted, again and again: as they are now, then after each change.
 *
 * **Guarantees and failure modes.** Those of {@link DataWatch}.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { ChildrenWatch } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * await client.create('/fleet');
 * for await (const names of new ChildrenWatch(client, '/fleet')) {
 *   console.log(names);
 *   if (names?.length === 1) break;
 *   await client.create('/fleet/one');
 * }
 * ```
 */
export class ChildrenWatch implements AsyncIterable<ChildrenState> {
  readonly #context: RecipeContext;
  readonly #signal: AbortSignal | undefined;

  constructor(client: ZeroKeeperClient, path: string, { signal, onMetric }: WatchStatesOptions = {}) {
    this.#context = new RecipeContext('ChildrenWatch', client, { path, onMetric });
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): AsyncGenerator<ChildrenState, undefined> {
    const { client, path } = this.#context;
    return states(this.#context, { signal: this.#signal, type: 'children' }, async () => {
      const { children } = await client.getChildren(path, { signal: this.#signal });
      return [...children].sort();
    });
  }
}

interface Looked {
  readonly client: ZeroKeeperClient;
  readonly path: string;
  readonly signal: AbortSignal | undefined;
  /** What is watched while the znode is there. */
  readonly type: 'exists' | 'children';
}

/** Armed first and read then: what changes after the read fires the watch. */
async function* states<State>(
  context: RecipeContext,
  { signal, type }: Pick<Looked, 'signal' | 'type'>,
  read: () => Promise<State>,
): AsyncGenerator<State | undefined, undefined> {
  const { client, path } = context;
  const looked: Looked = { client, path, signal, type };
  let wasMissing = false;
  try {
    while (!isOver(client)) {
      const { watch, isFull } = await untilAnswered(client, looked, () => arm(looked));
      await using armed = watch;
      const state = await untilAnswered(client, looked, () => orMissing(read));
      if (state !== undefined && !isFull) continue;
      if (state !== undefined || !wasMissing) {
        context.report({ name: 'updated' });
        yield state;
      }
      wasMissing = state === undefined;
      await armed.next();
    }
  } catch (error) {
    if (signal?.aborted === true) throw abortedError(path, signal);
    if (client.state !== 'closed') throw error;
  }
  if (client.state === 'lost') throw sessionOver(path);
  return undefined;
}

/** Children cannot be watched of what is not there; whether the watch is enough once there is something. */
async function arm({
  client,
  path,
  signal,
  type,
}: Looked): Promise<{ readonly watch: Watch; readonly isFull: boolean }> {
  try {
    return { watch: await client.watch(path, { type, signal }), isFull: true };
  } catch (error) {
    if (!(error instanceof NoNodeError)) throw error;
    return { watch: await client.watch(path, { type: 'exists', signal }), isFull: false };
  }
}

async function orMissing<State>(read: () => Promise<State>): Promise<State | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof NoNodeError) return undefined;
    throw error;
  }
}
