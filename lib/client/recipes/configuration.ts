import { NoNodeError, type JsonSchema, type ZeroKeeperClient } from '../index.js';
import { DataWatch, type DataState } from './data-watch.js';
import { decodeJson } from './support/json.js';
import { warn } from './support/metrics.js';
import { RecipeContext, type RecipeOptions } from './support/recipe.js';
import { untilAnswered, type ChangeOptions } from './support/waiting.js';

export interface ConfigurationOptions<T> extends RecipeOptions {
  /** What makes a configuration of what was read; a zod schema, for example. */
  readonly schema: JsonSchema<T>;
  /** What holds while there is no znode. Without it, {@link Configuration.get} then rejects with NoNodeError. */
  readonly fallback?: T;
  /** Told of data that the schema refuses, while the last good configuration holds on. Default: a warning of the process. */
  readonly onInvalid?: (error: unknown) => void;
}

/**
 * A configuration with a type, which follows what operators change.
 *
 * **Guarantees.** Nobody sees a configuration that the schema refuses. {@link updates} begins with the one of now and never misses
 * the last one, also across disconnects.
 *
 * **Failure modes.** While a client is cut off it goes on with what it knew. Data that is wrong is told to `onInvalid` and
 * otherwise left out; {@link get}, which has nothing to hold on to, rejects with InvalidJsonError.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { Configuration } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * await client.createJson('/flags', { darkMode: true });
 * const schema = (value: unknown) => ({ darkMode: (value as { darkMode?: unknown }).darkMode === true });
 * for await (const flags of new Configuration(client, '/flags', { schema }).updates()) {
 *   console.log('dark mode is', flags.darkMode);
 *   break;
 * }
 * ```
 */
export class Configuration<T> {
  readonly #context: RecipeContext;
  readonly #options: ConfigurationOptions<T>;

  constructor(client: ZeroKeeperClient, path: string, options: ConfigurationOptions<T>) {
    this.#context = new RecipeContext('Configuration', client, { ...options, path });
    this.#options = options;
  }

  get path(): string {
    return this.#context.path;
  }

  /** The configuration of now. While nobody answers it waits, until `signal` aborts. */
  async get({ signal }: ChangeOptions = {}): Promise<T> {
    const { client, path } = this.#context;
    const { fallback, schema } = this.#options;
    try {
      const { data } = await untilAnswered(client, { path, signal }, () => client.get(path, { signal }));
      return decodeJson(data, { path, schema });
    } catch (error) {
      if (error instanceof NoNodeError && fallback !== undefined) return fallback;
      throw error;
    }
  }

  /** Replaces it, and creates it if there is none; throws what the schema throws at a value that it refuses. */
  async set(value: T): Promise<void> {
    const { client, acl, path } = this.#context;
    decodeJson(new TextEncoder().encode(JSON.stringify(value)), { path, schema: this.#options.schema });
    try {
      await client.setJson(path, value);
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
      await client.createJson(path, value, { ...acl, parents: true });
    }
  }

  /** The configuration of now, then each that follows; those that come faster than they are taken become one. */
  async *updates(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<T, undefined> {
    for await (const state of new DataWatch(this.#context.client, this.path, options)) {
      const found = this.#decode(state);
      if (found === undefined) continue;
      this.#context.report({ name: 'updated' });
      yield found.value;
    }
    return undefined;
  }

  #decode(state: DataState): { readonly value: T } | undefined {
    const { fallback, schema, onInvalid } = this.#options;
    if (state === undefined) return fallback === undefined ? undefined : { value: fallback };
    try {
      return { value: decodeJson(state.data, { path: this.path, schema }) };
    } catch (error) {
      if (onInvalid === undefined) warn(`the configuration at ${this.path} is left out`, error);
      else onInvalid(error);
      return undefined;
    }
  }
}
