import type { Data, ZeroKeeperClient } from '../index.js';
import { HeldNode } from './support/held-node.js';
import { lineUp, lineWithData, previous, type LineInit } from './support/line.js';
import { NodeHold, type Held } from './support/lock.js';
import { warn } from './support/metrics.js';
import { RecipeContext, type RecipeOptions } from './support/recipe.js';
import { abortedError, sessionOver, tellsOver, withDeadline, type WaitOptions } from './support/waiting.js';

export interface LeaderLatchOptions extends RecipeOptions {
  /** What others see of this participant: a host, a process. */
  readonly id?: Data;
  /** Told when this participant begins to lead (with its leadership), and when it has ceased to (undefined). */
  readonly onChange?: (leadership: Held | undefined) => void;
}

/** A participant of an election, in the order in which they lead. */
export interface Participant {
  readonly id: string;
  readonly isLeader: boolean;
}

/** Curator's name, so that its LeaderLatch takes part in the same election. */
const PREFIX = 'latch-';

/**
 * One of the participants leads, until it closes or dies; then the next one does.
 *
 * **Guarantees.** At most one of those whose sessions live leads. Each leadership has a `fencingToken`, its term: a later
 * leader has a higher one. A departure wakes one participant.
 *
 * **Failure modes.** A leader that cannot reach a server is told before anybody else can lead (`leadership.signal`, `onChange`).
 * When its session still lives after that, it takes part again, at the end of the line. When the session is over it takes
 * part no more: {@link ended} rejects. A paused process may believe for a moment that it leads: check the term where it matters.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { LeaderLatch } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * await using latch = new LeaderLatch(client, '/leaders/billing', { id: 'host-1' });
 * latch.start();
 * const leadership = await latch.untilLeader({ timeoutMs: 10_000 });
 * console.log('I lead, in term', leadership.fencingToken, await latch.participants());
 * ```
 */
export class LeaderLatch implements AsyncDisposable {
  readonly #context: RecipeContext;
  readonly #line: LineInit;
  readonly #onChange: ((leadership: Held | undefined) => void) | undefined;
  readonly #closing = new AbortController();
  readonly #waiting = new Set<(leadership: Held) => void>();
  #leadership: Held | undefined;
  #ended: Promise<void> | undefined;

  constructor(client: ZeroKeeperClient, path: string, options: LeaderLatchOptions = {}) {
    this.#context = new RecipeContext('LeaderLatch', client, { ...options, path });
    this.#line = { directory: path, prefix: PREFIX, data: options.id, blocker: previous };
    this.#onChange = options.onChange;
  }

  get path(): string {
    return this.#context.path;
  }

  /** Looks at the clock, too. */
  get isLeader(): boolean {
    return this.#leadership?.isHeld === true;
  }

  /** What this participant leads by; undefined while it does not. */
  get leadership(): Held | undefined {
    return this.isLeader ? this.#leadership : undefined;
  }

  /** Resolves when the latch was closed; rejects when it takes part no more because of an error. */
  get ended(): Promise<void> {
    return this.#ended ?? Promise.resolve();
  }

  /** Takes part from now on. Calling it again does nothing. */
  start(): this {
    if (this.#ended !== undefined || this.#closing.signal.aborted) return this;
    this.#ended = this.#run();
    // Told by `ended` and by untilLeader to who asks; a warning for who does not.
    this.#ended.catch((error: unknown) => {
      if (!tellsOver(this.#context.client, error)) warn(`LeaderLatch of ${this.path} has ended`, error);
    });
    return this;
  }

  /** Resolves as soon as this participant leads. Gives up waiting, not taking part. */
  untilLeader(options: WaitOptions = {}): Promise<Held> {
    this.start();
    return withDeadline(this.#context.client, { ...options, path: this.path }, (signal) =>
      this.#untilLeader(signal),
    );
  }

  /** Who takes part, the leader first. */
  async participants(): Promise<readonly Participant[]> {
    const line = await lineWithData(this.#context, this.path);
    return line.map(({ data }, position) => ({ id: data, isLeader: position === 0 }));
  }

  /** Takes part no more; resolves when nothing is left of it. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#ended?.catch(() => undefined);
    await this.#context.cleanup.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #untilLeader(signal: AbortSignal | undefined): Promise<Held> {
    const { leadership } = this;
    if (leadership !== undefined) return Promise.resolve(leadership);
    return new Promise((resolve, reject) => {
      const finish = () => {
        this.#waiting.delete(onLeader);
        signal?.removeEventListener('abort', onAbort);
      };
      const onLeader = (held: Held) => {
        finish();
        resolve(held);
      };
      const onAbort = () => {
        finish();
        if (signal !== undefined) reject(abortedError(this.path, signal));
      };
      this.#waiting.add(onLeader);
      signal?.addEventListener('abort', onAbort, { once: true });
      const onEnd = (error: unknown) => {
        finish();
        reject(error instanceof Error ? error : sessionOver(this.path));
      };
      this.ended.then(onEnd, onEnd);
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const leadership = await this.#stand(signal);
      if (leadership === undefined) return;
      this.#lead(leadership);
      await aborted(AbortSignal.any([leadership.signal, signal]));
      this.#leadership = undefined;
      this.#tell(undefined);
      await leadership.release();
    }
  }

  async #stand(signal: AbortSignal): Promise<Held | undefined> {
    try {
      const { path, czxid } = await lineUp(this.#context, this.#line, { signal });
      return new NodeHold(new HeldNode(this.#context, { path, fencingToken: czxid }));
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  #lead(leadership: Held): void {
    this.#leadership = leadership;
    this.#tell(leadership);
    for (const onLeader of [...this.#waiting]) onLeader(leadership);
  }

  #tell(leadership: Held | undefined): void {
    try {
      this.#onChange?.(leadership);
    } catch (error) {
      warn('a listener of a LeaderLatch failed', error);
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
