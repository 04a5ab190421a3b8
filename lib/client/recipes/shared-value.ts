import {
  BadVersionError,
  NodeExistsError,
  NoNodeError,
  type JsonSchema,
  type Stat,
  type ZeroKeeperClient,
} from '../index.js';
import { ContentionError } from './errors.js';
import { DataWatch } from './data-watch.js';
import { checkInteger, RecipeContext, type RecipeOptions } from './support/recipe.js';
import { decodeJson } from './support/json.js';
import { backoff, type ChangeOptions } from './support/waiting.js';

export interface SharedValueOptions<T> extends RecipeOptions {
  /** What it is while nobody has written it. */
  readonly initial: T;
  /** Checks what was read. Without it the type is the caller's word. */
  readonly schema?: JsonSchema<T>;
  /** How often an update is tried before it rejects with ContentionError. Default 30. */
  readonly attempts?: number;
}

const ATTEMPTS_DEFAULT = 30;

/**
 * A value that many processes read and change, as JSON.
 *
 * **Guarantees.** An update is made on the value that it was given, or made again on the newer one: none is lost. Over `lambda`
 * and `direct` each happens exactly once. {@link states} shows the newest value, always.
 *
 * **Failure modes.** As those of {@link Counter}. What others wrote that is no JSON, or that the schema refuses, rejects with
 * InvalidJsonError and stays as it is.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { SharedValue } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const limits = new SharedValue(client, '/limits', { initial: { perSecond: 10 } });
 * await limits.update((value) => ({ perSecond: value.perSecond * 2 }));
 * for await (const value of limits.states()) {
 *   console.log(value.perSecond);
 *   break;
 * }
 * ```
 */
export class SharedValue<T> {
  readonly #context: RecipeContext;
  readonly #options: SharedValueOptions<T>;

  constructor(client: ZeroKeeperClient, path: string, options: SharedValueOptions<T>) {
    checkInteger('attempts', options.attempts ?? ATTEMPTS_DEFAULT, 1);
    this.#context = new RecipeContext('SharedValue', client, { ...options, path });
    this.#options = options;
  }

  get path(): string {
    return this.#context.path;
  }

  async get(): Promise<T> {
    return (await this.#read()).value;
  }

  async set(value: T, options: ChangeOptions = {}): Promise<void> {
    await this.update(() => value, options);
  }

  /**
   * Replaces the value by what `change` makes of it; `change` may be called several times. Gives the new value. `signal` ends the
   * attempts: it rejects with AbortedError, and nothing has been changed then.
   */
  async update(change: (value: T) => T, { signal }: ChangeOptions = {}): Promise<T> {
    const { client } = this.#context;
    const { attempts = ATTEMPTS_DEFAULT } = this.#options;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const { value: before, stat } = await this.#read(signal);
      const value = change(before);
      try {
        await this.#write(value, stat);
        return value;
      } catch (error) {
        if (!isOvertaken(error)) throw error;
      }
      this.#context.report({ name: 'overtaken' });
      await backoff(client, attempt, { path: this.path, signal });
    }
    const message = `others changed it each of ${attempts} times`;
    throw new ContentionError({ code: 0, path: this.path, message, retriable: true });
  }

  /** The value as it is now, then after each change; changes that come faster than they are taken become one. */
  async *states(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<T, undefined> {
    const { initial, schema } = this.#options;
    for await (const state of new DataWatch(this.#context.client, this.path, options)) {
      this.#context.report({ name: 'updated' });
      yield state === undefined ? initial : decodeJson(state.data, { path: this.path, schema });
    }
    return undefined;
  }

  async #read(signal?: AbortSignal): Promise<{ readonly value: T; readonly stat: Stat | undefined }> {
    const { initial, schema } = this.#options;
    try {
      const how = { consistency: 'linearizable', signal } as const;
      const { data, stat } = await this.#context.client.get(this.path, how);
      return { value: decodeJson(data, { path: this.path, schema }), stat };
    } catch (error) {
      if (error instanceof NoNodeError) return { value: initial, stat: undefined };
      throw error;
    }
  }

  async #write(value: T, stat: Stat | undefined): Promise<void> {
    const { client, acl } = this.#context;
    if (stat === undefined) await client.createJson(this.path, value, { ...acl, parents: true });
    else await client.setJson(this.path, value, { version: stat.version });
  }
}

function isOvertaken(error: unknown): boolean {
  return error instanceof BadVersionError || error instanceof NodeExistsError || error instanceof NoNodeError;
}
