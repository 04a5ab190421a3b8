import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { isSequential } from '../core/modes.js';
import type { Acl, CreateMode, Stat } from '../core/types.js';
import { changesOf, type ChangesOptions } from './changes.js';
import type { CallOptions } from './calls.js';
import type { ClientCore } from './core.js';
import { createWithParents } from './create-parents.js';
import type { ClientEventName, ClientListener } from './emitter.js';
import type { ZeroKeeperError } from './errors.js';
import { decodeJson, encodeJson, type JsonSchema } from './json.js';
import {
  fromResult,
  toBytes,
  toOperation,
  ttlOf,
  type Data,
  type MultiInput,
  type MultiResult,
} from './multi.js';
import { expectResult } from './results.js';
import type {
  Change,
  Consistency,
  OneShotWatchType,
  SessionState,
  TransportCapabilities,
  TransportKind,
  TransportSession,
} from './transport.js';
import type { SessionLease } from './session-lease.js';
import type { Watch, WatchListener, WatchType } from './watch.js';

/** How a znode is created. */
export interface CreateOptions extends CallOptions {
  /**
   * Default `persistent`. Ephemerals go with the session; sequential names end in ten digits that the parent counts; a
   * `container` goes soon after it has lost its last child; `ttl` goes when it has not been written for `ttlMs` and has no children.
   */
  readonly mode?: CreateMode;
  /** Ms, 1 … 2^40 − 1; with the modes `ttl` and `ttlSequential` and no other. */
  readonly ttlMs?: number;
  /** Default: the client's. */
  readonly acl?: readonly Acl[];
  /** Creates the parents that are missing: persistent, empty, with the same ACL. They stay if the create then fails. */
  readonly parents?: boolean;
}

/** What a write may ask for. */
export interface VersionOptions extends CallOptions {
  /** The version that the znode must have. Default: any. */
  readonly version?: number;
}

/** How a znode is read. */
export interface ReadOptions extends CallOptions {
  /** Default: the client's. */
  readonly consistency?: Consistency;
  /** Called once, when what was read changes. Armed in the same instant as the read; not armed if the read fails. */
  readonly watch?: WatchListener;
}

/** How JSON is read. */
export interface JsonReadOptions<T> extends ReadOptions {
  /** Checks what was parsed. Without it the type is the caller's word. */
  readonly schema?: JsonSchema<T>;
}

/** How a watch is set. */
export interface WatchOptions extends CallOptions {
  /**
   * `data` and `children` (of a znode that is there) and `exists` fire once; `persistent` stays, `persistentRecursive`
   * is for everything below, too (creates, deletes and changes of data).
   */
  readonly type: WatchType;
  /** Events that may wait for the iterator; with more of them the watch ends with WatchOverflowError. Default 1000. */
  readonly queueMax?: number;
  /** For callbacks: told once when the watch has ended, with the error if there was one. */
  readonly onEnd?: (error: ZeroKeeperError | undefined) => unknown;
}

/** A znode's data as it was at `zxid`. */
export interface DataResult {
  readonly data: Uint8Array;
  readonly stat: Stat;
  /** The state that was read: `changes` can follow from here. */
  readonly zxid: number;
}

/** A znode's JSON as it was at `zxid`. */
export interface JsonResult<T> {
  readonly value: T;
  readonly stat: Stat;
  readonly zxid: number;
}

/** A znode's children as they were at `zxid`. */
export interface ChildrenResult {
  /** Names, in no order. */
  readonly children: readonly string[];
  /** Of the parent. */
  readonly stat: Stat;
  readonly zxid: number;
}

const READ_OF: Readonly<Record<OneShotWatchType, 'getData' | 'exists' | 'getChildren'>> = {
  data: 'getData',
  exists: 'exists',
  children: 'getChildren',
};

/**
 * A client of a ZeroKeeper namespace, or of a real ZooKeeper. Made by `connect`.
 *
 * Guarantees, on every transport: the calls of one client take effect in the order in which they are made; its reads see
 * its own earlier writes and never an older state than one it has seen, also after a reconnect; a watch's event arrives
 * before the answer to any read that shows the change.
 *
 * Every call rejects with a {@link ZeroKeeperError} when it does not succeed, at the latest at its deadline. On
 * disconnect, over `lambda` and `direct`, a call is sent again until it is answered or its deadline passes, and a write
 * is done exactly once; over `tcp`, a read is tried again and a write that was under way rejects with
 * ConnectionLossError, whose `maybeApplied` is true.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * client.on('suspended', () => console.log('stop relying on what I hold'));
 * const { path, stat } = await client.create('/jobs/job-', 'payload', {
 *   mode: 'persistentSequential',
 *   parents: true,
 * });
 * console.log(path, stat.czxid);
 * ```
 */
export class ZeroKeeperClient implements AsyncDisposable {
  readonly #core: ClientCore;

  /** @internal */
  constructor(core: ClientCore) {
    this.#core = core;
  }

  get state(): SessionState {
    return this.#core.state;
  }

  /** The session, with what it takes to go on with it in another process. Undefined for a client without one, or that was only `readOnly` so far. */
  get session(): TransportSession | undefined {
    return this.#core.transport.session;
  }

  /** The highest zxid that this client has seen. */
  get zxid(): number {
    return this.#core.transport.seen;
  }

  /** What this process may conclude about its session by its own clock: whoever holds a lock looks here. */
  get lease(): SessionLease {
    return this.#core.lease;
  }

  /** The time that the client goes by: the machine's, or what `connect` was given. */
  get clock(): Clock {
    return this.#core.clock;
  }

  /** The chance that the client goes by: the machine's, or what `connect` was given. */
  get random(): Random {
    return this.#core.random;
  }

  get transport(): TransportKind {
    return this.#core.transport.kind;
  }

  get capabilities(): TransportCapabilities {
    return this.#core.transport.capabilities;
  }

  /**
   * Calls `listener` with every such event from now on; returns what stops it. A listener that throws harms nobody: what
   * it threw goes to the `error` listeners, or else to `process.emitWarning`.
   */
  on<Name extends ClientEventName>(name: Name, listener: ClientListener<Name>): () => void {
    return this.#core.emitter.on(name, listener);
  }

  /**
   * Creates a znode; `path` is its name in full, `stat.czxid` a fencing token. Rejects with NodeExistsError, with
   * NoNodeError when the parent is missing, with NoChildrenForEphemeralsError, NoAuthError or InvalidAclError.
   */
  create(path: string, data?: Data, options: CreateOptions = {}): Promise<{ path: string; stat: Stat }> {
    if (options.parents === true) return createWithParents(this, { path, data, options });
    const { mode = 'persistent', acl = this.#core.acl } = options;
    return this.#core.call({
      path,
      options,
      prepare: () => ({
        kind: 'create',
        path: this.#core.toServer(path, isSequential(mode)),
        data: toBytes(data),
        acl,
        mode,
        ...ttlOf({ path, ...options }),
      }),
      result: (answer) => {
        const result = expectResult(answer, 'create');
        return { path: this.#core.toCaller(result.path), stat: result.stat };
      },
    });
  }

  /** The znode's stat, or undefined when there is none. The watch then waits for its creation. */
  exists(path: string, options: ReadOptions = {}): Promise<Stat | undefined> {
    return this.#read('exists', path, {
      options,
      result: (answer) => expectResult(answer, 'exists').stat,
    });
  }

  /** A znode's data and stat. Rejects with NoNodeError or NoAuthError. */
  get(path: string, options: ReadOptions = {}): Promise<DataResult> {
    return this.#read('getData', path, {
      options,
      result: (answer) => {
        const { data, stat } = expectResult(answer, 'getData');
        return { data, stat, zxid: answer.zxid };
      },
    });
  }

  /** Replaces a znode's data. Rejects with NoNodeError, BadVersionError or NoAuthError. */
  set(path: string, data: Data, options: VersionOptions = {}): Promise<Stat> {
    return this.#core.call({
      path,
      options,
      prepare: () => ({
        kind: 'setData',
        path: this.#core.toServer(path),
        data: toBytes(data),
        version: options.version ?? -1,
      }),
      result: (answer) => expectResult(answer, 'setData').stat,
    });
  }

  /** Deletes a znode. Rejects with NoNodeError, BadVersionError, NotEmptyError or NoAuthError. */
  delete(path: string, options: VersionOptions = {}): Promise<void> {
    return this.#core.call({
      path,
      options,
      prepare: () => ({ kind: 'delete', path: this.#core.toServer(path), version: options.version ?? -1 }),
      result: () => undefined,
    });
  }

  /** The names of a znode's children, in no order. Rejects with NoNodeError or NoAuthError. */
  getChildren(path: string, options: ReadOptions = {}): Promise<ChildrenResult> {
    return this.#read('getChildren', path, {
      options,
      result: (answer) => {
        const { children, stat } = expectResult(answer, 'getChildren');
        return { children, stat, zxid: answer.zxid };
      },
    });
  }

  /** A znode's access control list. Rejects with NoNodeError or NoAuthError. */
  getAcl(
    path: string,
    options: Omit<ReadOptions, 'watch'> = {},
  ): Promise<{ acl: readonly Acl[]; stat: Stat }> {
    const { consistency = this.#core.consistency } = options;
    return this.#core.call({
      path,
      options,
      prepare: () => ({ kind: 'getAcl', path: this.#core.toServer(path), consistency }),
      result: (answer) => {
        const { acl, stat } = expectResult(answer, 'getAcl');
        return { acl, stat };
      },
    });
  }

  /** Replaces it, if its `aversion` is `version`. Rejects with NoNodeError, BadVersionError, InvalidAclError or NoAuthError. */
  setAcl(path: string, acl: readonly Acl[], options: VersionOptions = {}): Promise<Stat> {
    const { version = -1 } = options;
    return this.#core.call({
      path,
      options,
      prepare: () => ({ kind: 'setAcl', path: this.#core.toServer(path), acl, version }),
      result: (answer) => expectResult(answer, 'setAcl').stat,
    });
  }

  /**
   * All of the operations or none, under one zxid; each sees what those before it did. Rejects with a MultiError that
   * tells which one failed.
   *
   * @example
   * ```ts
   * import { connect } from 'zerokeeper';
   *
   * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
   * await client.create('/from', 'x');
   * const [, created] = await client.multi([
   *   { op: 'check', path: '/from', version: 0 },
   *   { op: 'create', path: '/to', data: 'x' },
   *   { op: 'delete', path: '/from' },
   * ]);
   * console.log(created.path);
   * ```
   */
  multi<const Inputs extends readonly MultiInput[]>(
    inputs: Inputs,
    options: CallOptions = {},
  ): Promise<{ readonly [Index in keyof Inputs]: MultiResult<Inputs[Index]> }> {
    const context = {
      toServer: (path: string, sequential?: boolean) => this.#core.toServer(path, sequential),
      acl: this.#core.acl,
    };
    return this.#core.call({
      path: undefined,
      options,
      prepare: () => ({ kind: 'multi', operations: inputs.map((input) => toOperation(input, context)) }),
      result: (answer) => {
        const { results } = expectResult(answer, 'multi');
        const told = results.map((result) => fromResult(result, (path) => this.#core.toCaller(path)));
        return told as unknown as { readonly [Index in keyof Inputs]: MultiResult<Inputs[Index]> };
      },
    });
  }

  /** Catches up with everything that was acknowledged to anybody before the call; gives the zxid reached. */
  sync(path = '/', options: CallOptions = {}): Promise<number> {
    return this.#core.call({
      path,
      options,
      prepare: () => ({ kind: 'sync', path: this.#core.toServer(path) }),
      result: (answer) => answer.zxid,
    });
  }

  /**
   * {@link get} of JSON in UTF-8. Rejects with InvalidJsonError when the data is none, or the schema refuses it.
   *
   * @example
   * ```ts
   * import { connect } from 'zerokeeper';
   *
   * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
   * await client.createJson('/config', { color: 'green' });
   * const isConfig = (value: unknown) => value as { color: string };
   * const { value, stat } = await client.getJson('/config', { schema: isConfig });
   * await client.setJson('/config', { ...value, color: 'blue' }, { version: stat.version });
   * ```
   */
  getJson<T = unknown>(path: string, options: JsonReadOptions<T> = {}): Promise<JsonResult<T>> {
    return this.#read('getData', path, {
      options,
      result: (answer) => {
        const { data, stat } = expectResult(answer, 'getData');
        return { value: decodeJson(data, path, options.schema), stat, zxid: answer.zxid };
      },
    });
  }

  /** {@link set} with JSON in UTF-8. */
  async setJson(path: string, value: unknown, options: VersionOptions = {}): Promise<Stat> {
    return this.set(path, encodeJson(value, path), options);
  }

  /** {@link create} with JSON in UTF-8. */
  async createJson(
    path: string,
    value: unknown,
    options: CreateOptions = {},
  ): Promise<{ path: string; stat: Stat }> {
    return this.create(path, encodeJson(value, path), options);
  }

  /**
   * Arms a watch and resolves as soon as it is armed: nothing that happens from then on is missed. Its events go to
   * `listener`, or else to who iterates over the {@link Watch}. `signal` ends the watch as well; `timeoutMs` and
   * `deadlineMs` are for the arming. Rejects with NoNodeError for `data` and `children` of a znode that is not there, and
   * with UnsupportedError where persistent watches do not exist (ZooKeeper before 3.6, gateways so far).
   */
  async watch(path: string, options: WatchOptions, listener?: WatchListener): Promise<Watch> {
    const { type, queueMax, onEnd, signal } = options;
    const { watch, arm, ended } = this.#core.newWatch({ type, path, listener, queueMax, onEnd, signal });
    try {
      await this.#core.call({
        path,
        options,
        onArmed: arm,
        prepare: () =>
          type === 'persistent' || type === 'persistentRecursive'
            ? { kind: 'addWatch', path: watch.serverPath, type }
            : { kind: READ_OF[type], path: watch.serverPath, watch: true, consistency: 'session' },
        result: () => undefined,
      });
    } finally {
      ended();
    }
    return watch;
  }

  /**
   * Everything that happened to a znode (with `recursive` below it, too) after zxid `since`, then what happens from now
   * on, without a gap and in order, across disconnects. `lambda` and `direct` only: over `tcp` it throws
   * UnsupportedError. Throws CompactedError when the log no longer reaches back that far: read anew and follow from the
   * `zxid` of that read. Ends when the client is closed; throws AbortedError when `signal` aborts.
   */
  changes(path: string, options: ChangesOptions): AsyncIterableIterator<Change> {
    return changesOf(this.#core, path, options);
  }

  /**
   * Closes the session, so that its ephemerals go at once, and ends all watches. Bounded in time: when nobody answers, the
   * session is left to expire. Calls without an answer reject with SessionExpiredError. Never rejects.
   */
  close(): Promise<void> {
    return this.#core.close();
  }

  /** {@link close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #read<Result>(
    kind: 'getData' | 'exists' | 'getChildren',
    path: string,
    how: { options: ReadOptions; result: (answer: Parameters<typeof expectResult>[0]) => Result },
  ): Promise<Result> {
    const { options, result } = how;
    const { consistency = this.#core.consistency, watch: listener } = options;
    let newWatch: ReturnType<ClientCore['newWatch']> | undefined;
    const call = this.#core.call({
      path,
      options,
      result,
      onArmed: () => newWatch?.arm(),
      prepare: () => {
        const server = this.#core.toServer(path);
        const type = kind === 'getData' ? 'data' : kind === 'exists' ? 'exists' : 'children';
        if (listener !== undefined) newWatch = this.#core.newWatch({ type, path, listener });
        return { kind, path: server, watch: listener !== undefined, consistency };
      },
    });
    // Beside the call, which must not settle any later for it: events and answers keep their order.
    if (newWatch !== undefined) call.then(newWatch.ended, newWatch.ended);
    return call;
  }
}
