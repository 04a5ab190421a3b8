import {
  BadArgumentsError,
  BadVersionError,
  ErrorCode,
  NoNodeError,
  type ZeroKeeperClient,
} from '../index.js';
import { ContentionError } from './errors.js';
import { createDirectory } from './support/protected-node.js';
import { checkInteger, RecipeContext, type RecipeOptions } from './support/recipe.js';
import { backoff, type ChangeOptions } from './support/waiting.js';

export interface CounterOptions extends RecipeOptions {
  /** How often a change is tried before it rejects with ContentionError. Default 30. */
  readonly attempts?: number;
}

/** What a change has done. */
export interface CounterChange {
  readonly before: bigint;
  readonly after: bigint;
}

const ATTEMPTS_DEFAULT = 30;

/**
 * A number that many processes count with: 64 bits, signed, as Curator's DistributedAtomicLong stores it.
 *
 * **Guarantees.** Changes take effect one after the other, each on the value that the one before left; none is lost. A counter
 * that nobody has written is 0. Over `lambda` and `direct` each change happens exactly once.
 *
 * **Failure modes.** With many writers a change is tried again, with growing pauses, and rejects with ContentionError when the
 * attempts are used up; nothing has been changed then. Over `tcp`, a change whose answer is lost rejects with
 * ConnectionLossError, whose `maybeApplied` is true: nobody can say whether it counts. Beyond 64 bits it rejects with
 * BadArgumentsError.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { Counter } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const counter = new Counter(client, '/counters/orders');
 * const { before, after } = await counter.add(5);
 * console.log(before, after, await counter.compareAndSet(after, 100n), await counter.get());
 * ```
 */
export class Counter {
  readonly #context: RecipeContext;
  readonly #attempts: number;

  constructor(client: ZeroKeeperClient, path: string, options: CounterOptions = {}) {
    const { attempts = ATTEMPTS_DEFAULT } = options;
    checkInteger('attempts', attempts, 1);
    this.#attempts = attempts;
    this.#context = new RecipeContext('Counter', client, { ...options, path });
  }

  get path(): string {
    return this.#context.path;
  }

  async get(): Promise<bigint> {
    return (await this.#read())?.value ?? 0n;
  }

  /** Adds; a negative number subtracts. `signal` ends the attempts: it rejects with AbortedError, and nothing has been changed then. */
  add(delta: bigint | number, options: ChangeOptions = {}): Promise<CounterChange> {
    const added = toBigInt(delta);
    return this.#change((before) => before + added, options);
  }

  set(value: bigint | number, options: ChangeOptions = {}): Promise<CounterChange> {
    const after = toBigInt(value);
    return this.#change(() => after, options);
  }

  /** Sets it if it is `expected`; whether it was. */
  async compareAndSet(
    expected: bigint | number,
    value: bigint | number,
    options: ChangeOptions = {},
  ): Promise<boolean> {
    const [from, to] = [toBigInt(expected), toBigInt(value)];
    let wasExpected = false;
    await this.#change((before) => {
      wasExpected = before === from;
      return wasExpected ? to : before;
    }, options);
    return wasExpected;
  }

  async #change(next: (before: bigint) => bigint, { signal }: ChangeOptions): Promise<CounterChange> {
    const { client } = this.#context;
    for (let attempt = 1; attempt <= this.#attempts; attempt++) {
      const present = await this.#read(signal);
      if (present === undefined) {
        await createDirectory(this.#context, this.path);
        continue;
      }
      const { value: before, version } = present;
      const after = next(before);
      try {
        if (after !== before) await client.set(this.path, encode(after, this.path), { version });
        return { before, after };
      } catch (error) {
        if (!(error instanceof BadVersionError) && !(error instanceof NoNodeError)) throw error;
      }
      this.#context.report({ name: 'overtaken' });
      await backoff(client, attempt, { path: this.path, signal });
    }
    const message = `others changed it each of ${this.#attempts} times`;
    throw new ContentionError({ code: 0, path: this.path, message, retriable: true });
  }

  async #read(
    signal?: AbortSignal,
  ): Promise<{ readonly value: bigint; readonly version: number } | undefined> {
    try {
      const how = { consistency: 'linearizable', signal } as const;
      const { data, stat } = await this.#context.client.get(this.path, how);
      return { value: decode(data, this.path), version: stat.version };
    } catch (error) {
      if (error instanceof NoNodeError) return undefined;
      throw error;
    }
  }
}

function toBigInt(value: bigint | number): bigint {
  if (typeof value === 'bigint') return value;
  checkInteger('a count', value, Number.MIN_SAFE_INTEGER);
  return BigInt(value);
}

/** Eight bytes, the highest first. */
function encode(value: bigint, path: string): Uint8Array {
  if (value !== BigInt.asIntN(64, value)) throw badCount(path, 'a counter has 64 bits');
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

function decode(data: Uint8Array, path: string): bigint {
  if (data.length === 0) return 0n;
  if (data.length !== 8) throw badCount(path, `the data is no counter: it has ${data.length} bytes`);
  return Buffer.from(data).readBigInt64BE();
}

function badCount(path: string, message: string): BadArgumentsError {
  return new BadArgumentsError({ code: ErrorCode.BadArguments, path, message });
}
