import { WatchOverflowError, type ZeroKeeperError } from './errors.js';
import type { PersistentWatchType, OneShotWatchType, WatchEventType } from './transport.js';

/** `data`, `children` and `exists` fire once; the persistent ones stay. */
export type WatchType = OneShotWatchType | PersistentWatchType;

/** Something that happened to a znode. It tells what, never the data: read, and you read that change or a later one. */
export interface WatchEvent {
  readonly type: WatchEventType;
  readonly path: string;
  /** The transaction that caused it; undefined from a ZooKeeper before 3.9. */
  readonly zxid: number | undefined;
}

export type WatchListener = (event: WatchEvent) => unknown;

export interface WatchInit {
  readonly type: WatchType;
  /** The server's. */
  readonly path: string;
  /** Events that may wait for the iterator. */
  readonly queueMax: number;
  readonly listener: WatchListener | undefined;
  readonly onEnd: ((error: ZeroKeeperError | undefined) => unknown) | undefined;
  /** Runs a function of the application so that what it throws harms nobody. */
  readonly guard: (run: () => unknown) => void;
  /** Called once, when the watch takes no more events. */
  readonly retire: (watch: Watch) => void;
}

/**
 * A watch that is armed: an async iterator over its events, unless they go to a callback.
 *
 * An event arrives before the answer to any read that shows the change (or a later one). A one-shot watch ends after
 * its event. On disconnect the watch stays, and what fired meanwhile is told after the reconnect; only a persistent
 * watch over `tcp` misses what happened in between, as in ZooKeeper. When the session is lost the iterator throws
 * SessionExpiredError, when it cannot keep up WatchOverflowError, and when its signal aborts AbortedError; when the
 * client or the watch is closed it just ends.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * await client.create('/config', 'v1');
 * const watch = await client.watch('/config', { type: 'data' });
 * await client.set('/config', 'v2');
 * for await (const event of watch) console.log(event.type, event.path);
 * ```
 */
export class Watch implements AsyncIterableIterator<WatchEvent>, AsyncDisposable {
  readonly type: WatchType;
  /** @internal */
  readonly serverPath: string;
  readonly #init: WatchInit;
  readonly #queue: WatchEvent[] = [];
  readonly #waiting: PromiseWithResolvers<IteratorResult<WatchEvent, undefined>>[] = [];
  #retired = false;
  #ended = false;
  #error: ZeroKeeperError | undefined;

  /** @internal */
  constructor(init: WatchInit) {
    this.#init = init;
    this.type = init.type;
    this.serverPath = init.path;
  }

  get #oneShot(): boolean {
    return this.type !== 'persistent' && this.type !== 'persistentRecursive';
  }

  /** @internal Hands an event to the application. Called in the order of the events. */
  deliver(event: WatchEvent): void {
    if (this.#ended) return;
    const { listener, guard } = this.#init;
    if (listener !== undefined) guard(() => listener(event));
    else this.#offer(event);
    if (this.#oneShot) this.end(undefined);
  }

  /** @internal Ends the watch: queued events are still handed out, then the error, if there is one. */
  end(error: ZeroKeeperError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#retire();
    const { onEnd, guard } = this.#init;
    if (onEnd !== undefined) guard(() => onEnd(error));
    for (const waiting of this.#waiting.splice(0)) this.#finish(waiting);
  }

  /** The next event. */
  next(): Promise<IteratorResult<WatchEvent, undefined>> {
    const event = this.#queue.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    const waiting = withResolvers<IteratorResult<WatchEvent, undefined>>();
    if (this.#ended) this.#finish(waiting);
    else this.#waiting.push(waiting);
    return waiting.promise;
  }

  /** Ends the watch, as leaving a `for await` does. */
  return(): Promise<IteratorResult<WatchEvent, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Takes the watch off. Events that wait are dropped. */
  close(): void {
    this.#queue.length = 0;
    this.end(undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #offer(event: WatchEvent): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ done: false, value: event });
    else if (this.#queue.length < this.#init.queueMax) this.#queue.push(event);
    else {
      const message = `more than ${this.#init.queueMax} events wait`;
      this.end(new WatchOverflowError({ code: 0, path: event.path, message }));
    }
  }

  #finish(waiting: PromiseWithResolvers<IteratorResult<WatchEvent, undefined>>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) waiting.resolve({ done: true, value: undefined });
    else waiting.reject(error);
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#init.retire(this);
  }
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** Node.js 20 does not have Promise.withResolvers. */
export function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
