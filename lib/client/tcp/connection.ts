import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { systemClock, type Clock } from '../../base/clock.js';
import { systemRandom, type Random } from '../../base/random.js';
import { ErrorCode } from '../../core/errors.js';
import {
  OPEN_ACL,
  type Acl,
  type CreateMode,
  type SessionId,
  type Stat,
  type Zxid,
} from '../../core/types.js';
import {
  AddWatchMode,
  EMPTY,
  operations,
  WatcherType,
  type Operation,
  wireCreate,
} from '../../wire/index.js';
import { errorFrom, ZeroKeeperError } from '../errors.js';
import { dialer, type Dial } from './channel.js';
import { Chroot } from '../chroot.js';
import { fromWire, toBytes, toWire, type MultiOperationInput, type MultiOperationResult } from './multi.js';
import type { Call } from './requests.js';
import { checkChroot, parseConnectString } from './servers.js';
import { WireSession, type SessionState, type StateListener } from './session.js';
import type { OneShotKind, WatchListener } from './watches.js';

export const SESSION_TIMEOUT_MS_DEFAULT = 30_000;
export const CONNECT_TIMEOUT_MS_DEFAULT = 10_000;
/** How long close() waits for the server. */
export const CLOSE_TIMEOUT_MS_DEFAULT = 2_000;

export interface ConnectOptions {
  /** The session's timeout in ms, as asked for. The server may decide otherwise. */
  readonly timeoutMs?: number;
  /** How long connect() tries, in ms. */
  readonly connectTimeoutMs?: number;
  /** How long close() waits for the server, in ms. */
  readonly closeTimeoutMs?: number;
  /** A path that all paths are below. One in the connect string does the same. */
  readonly chroot?: string;
  /** Encrypts the connection. */
  readonly tls?: TlsOptions;
  /** Replaces TCP and TLS, for proxies and tests. */
  readonly dial?: Dial;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface CreateOptions {
  readonly mode?: CreateMode;
  /** Ms, with the modes `ttl` and `ttlSequential`. */
  readonly ttlMs?: number | undefined;
  /** Open to everybody when it is left out. */
  readonly acl?: readonly Acl[];
}

/** Sets a one-shot watch together with a read. */
export interface WatchOptions {
  readonly watch?: WatchListener;
}

/**
 * A session with a ZooKeeper server over its own protocol.
 *
 * Guarantees: requests are carried out in the order in which they are made; a watch's event is delivered before the
 * answer to any later read shows the change. After a connection loss it goes to another server with the same session,
 * sets its watches again and lets none that should have fired meanwhile be missed (persistent watches excepted, as
 * in ZooKeeper: they see only what happens while connected).
 *
 * Failures are {@link ZeroKeeperError}s. A request that was sent and has no answer when the connection is lost rejects
 * with ConnectionLoss, and `maybeApplied` says whether it was a write. A request made while suspended waits for a
 * server, at most for the session's timeout.
 */
export class ZooKeeperConnection {
  readonly #wire: WireSession;
  readonly #chroot: Chroot;
  readonly #options: { readonly closeTimeoutMs: number; readonly clock: Clock };
  readonly #listeners = new WeakMap<WatchListener, WatchListener>();
  #closing: Promise<void> | undefined;

  private constructor(wire: WireSession, init: { chroot: Chroot; closeTimeoutMs: number; clock: Clock }) {
    this.#wire = wire;
    this.#chroot = init.chroot;
    this.#options = init;
  }

  /**
   * Opens a session at one of `servers` (`host:port,host:port/chroot`). Rejects with ConnectionLoss when none takes it
   * within `connectTimeoutMs`, and with BadArguments when `servers` is not a connect string.
   */
  static async connect(servers: string, options: ConnectOptions = {}): Promise<ZooKeeperConnection> {
    const target = parseConnectString(servers);
    const clock = options.clock ?? systemClock;
    const wire = new WireSession({
      servers: target.servers,
      timeoutMs: options.timeoutMs ?? SESSION_TIMEOUT_MS_DEFAULT,
      dial: options.dial ?? dialer(options.tls),
      clock,
      random: options.random ?? systemRandom,
    });
    const connection = new ZooKeeperConnection(wire, {
      chroot: new Chroot(target.chroot + checkChroot(options.chroot ?? '')),
      closeTimeoutMs: options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS_DEFAULT,
      clock,
    });
    const patienceMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT;
    await opened(wire, { clock, patienceMs, servers });
    return connection;
  }

  get state(): SessionState {
    return this.#wire.state;
  }

  get sessionId(): SessionId {
    return this.#wire.session;
  }

  /** The session's timeout in ms, as negotiated. */
  get timeoutMs(): number {
    return this.#wire.timeoutMs;
  }

  /** The newest zxid that the server has told. */
  get lastZxid(): Zxid {
    return this.#wire.lastZxid;
  }

  /** Calls `listener` with every change of the state. Returns what stops it. */
  onState(listener: StateListener): () => void {
    return this.#wire.onState(listener);
  }

  /** Creates a znode and gives its path, which for a sequential one ends in its number. */
  create(path: string, data?: Uint8Array | string, options: CreateOptions = {}): Promise<string> {
    const wire = wireCreate({ path, data: toBytes(data), ...createDefaults(options) });
    if (wire.name !== 'create2') return this.create2(path, data, options).then((created) => created.path);
    return this.#call(operations.create, path, (server) => ({
      body: { ...wire.request, path: server },
      write: true,
      result: (response) => this.#chroot.toCaller(response.path),
    }));
  }

  /** As create, with the new znode's stat. Its czxid is a fencing token. */
  create2(
    path: string,
    data?: Uint8Array | string,
    options: CreateOptions = {},
  ): Promise<{ path: string; stat: Stat }> {
    const { name, request } = wireCreate({ path, data: toBytes(data), ...createDefaults(options) });
    return this.#call(operations[name], path, (server) => ({
      body: { ...request, path: server },
      write: true,
      result: ({ path: created, stat }) => ({ path: this.#chroot.toCaller(created), stat }),
    }));
  }

  /** Deletes a znode that has no children. −1, the default, matches any version. */
  delete(path: string, version = -1): Promise<void> {
    return this.#call(operations.delete, path, (server) => ({
      body: { path: server, version },
      write: true,
      result: () => undefined,
    }));
  }

  /** The znode's stat, or undefined when it does not exist. The watch then waits for its creation. */
  exists(path: string, options: WatchOptions = {}): Promise<Stat | undefined> {
    return this.#call(operations.exists, path, (server) => ({
      body: { path: server, watch: options.watch !== undefined },
      write: false,
      result: (response): Stat | undefined => response.stat,
      ifNoNode: { value: undefined },
      onAnswer: (err) => {
        if (err === 0) this.#watch('data', server, options.watch);
        if (err === ErrorCode.NoNode) this.#watch('exist', server, options.watch);
      },
    }));
  }

  /** Rejects with NoNode when the znode does not exist; no watch is set then. */
  getData(path: string, options: WatchOptions = {}): Promise<{ data: Buffer; stat: Stat }> {
    return this.#call(operations.getData, path, (server) => ({
      body: { path: server, watch: options.watch !== undefined },
      write: false,
      // A copy: a view would keep the whole chunk that it arrived in.
      result: ({ data, stat }) => ({ data: Buffer.from(data), stat }),
      onAnswer: (err) => this.#watchIfOk('data', server, { err, watch: options.watch }),
    }));
  }

  /** Replaces the data, if the version is the given one; −1, the default, matches any. */
  setData(path: string, data: Uint8Array | string, version = -1): Promise<Stat> {
    return this.#call(operations.setData, path, (server) => ({
      body: { path: server, data: toBytes(data), version },
      write: true,
      result: (response) => response.stat,
    }));
  }

  /** The names of the children, in no order. */
  async getChildren(path: string, options: WatchOptions = {}): Promise<readonly string[]> {
    const { children } = await this.getChildren2(path, options);
    return children;
  }

  /** As getChildren, with the stat of the parent. */
  getChildren2(
    path: string,
    options: WatchOptions = {},
  ): Promise<{ children: readonly string[]; stat: Stat }> {
    return this.#call(operations.getChildren2, path, (server) => ({
      body: { path: server, watch: options.watch !== undefined },
      write: false,
      result: (response) => response,
      onAnswer: (err) => this.#watchIfOk('child', server, { err, watch: options.watch }),
    }));
  }

  getAcl(path: string): Promise<{ acl: readonly Acl[]; stat: Stat }> {
    return this.#call(operations.getAcl, path, (server) => ({
      body: { path: server },
      write: false,
      result: (response) => response,
    }));
  }

  /** Replaces the access control list, if its version is the given one; −1, the default, matches any. */
  setAcl(path: string, acl: readonly Acl[], version = -1): Promise<Stat> {
    return this.#call(operations.setAcl, path, (server) => ({
      body: { path: server, acl, version },
      write: true,
      result: (response) => response.stat,
    }));
  }

  /** All of the operations or none. Rejects with a MultiError that tells which one failed. */
  multi(operationList: readonly MultiOperationInput[]): Promise<readonly MultiOperationResult[]> {
    return this.#call(operations.multi, '/', () => ({
      body: { operations: operationList.map((operation) => toWire(operation, this.#chroot)) },
      write: true,
      result: ({ results }) => fromWire(results, { operations: operationList, chroot: this.#chroot }),
    }));
  }

  /** Resolves when the server has caught up with everything that was committed before. */
  sync(path = '/'): Promise<void> {
    return this.#call(operations.sync, path, (server) => ({
      body: { path: server },
      write: false,
      result: () => undefined,
    }));
  }

  /**
   * Sets a watch that stays: on `path`, or with `recursive` on everything below it, too (creates, deletes and changes
   * of data, not of the list of children). Servers before 3.6 answer Unimplemented.
   */
  addWatch(path: string, listener: WatchListener, options: { recursive?: boolean } = {}): Promise<void> {
    const recursive = options.recursive ?? false;
    const mode = recursive ? AddWatchMode.persistentRecursive : AddWatchMode.persistent;
    return this.#call(operations.addWatch, path, (server) => ({
      body: { path: server, mode },
      write: false,
      result: () => undefined,
      onAnswer: (err) => {
        const translated = this.#translated(listener);
        if (err === 0) this.#wire.watches.addPersistent({ path: server, mode, listener: translated });
      },
    }));
  }

  /** Removes every watch of this session at `path`. Rejects with NoWatcher when there is none. */
  removeWatches(path: string): Promise<void> {
    return this.#call(operations.removeWatches, path, (server) => ({
      body: { path: server, type: WatcherType.any },
      write: false,
      result: () => undefined,
      onAnswer: (err) => {
        if (err === 0) this.#wire.watches.remove(server);
      },
    }));
  }

  /** Presents credentials, now and after every reconnect. A refusal (AuthFailed) ends the session. */
  addAuth(scheme: string, auth: Uint8Array | string): Promise<void> {
    return this.#wire.authenticate({ type: 0, scheme, auth: toBytes(auth) });
  }

  /**
   * Closes the session, so that its ephemerals go at once. Bounded in time: without a connection, or when the server
   * does not answer, the session is left to expire. What has no answer rejects with SessionExpired.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const { clock, closeTimeoutMs } = this.#options;
    if (this.#wire.state === 'connected') {
      const cancel = clock.after(closeTimeoutMs, () => this.#wire.end('closed'));
      await this.#wire
        .call({ operation: operations.closeSession, body: EMPTY, write: false, result: () => undefined })
        // The connection may break before the answer comes: the server then closes the session, or it expires.
        .catch(ignoreOperatingError);
      cancel();
    }
    this.#wire.end('closed');
  }

  #watchIfOk(
    kind: OneShotKind,
    path: string,
    answer: { err: number; watch: WatchListener | undefined },
  ): void {
    if (answer.err === 0) this.#watch(kind, path, answer.watch);
  }

  #watch(kind: OneShotKind, path: string, listener: WatchListener | undefined): void {
    if (listener !== undefined) this.#wire.watches.add(kind, path, this.#translated(listener));
  }

  /** The same listener is always translated to the same one, so that an event reaches it once. */
  #translated(listener: WatchListener): WatchListener {
    const known = this.#listeners.get(listener);
    if (known !== undefined) return known;
    const translated: WatchListener = (event) =>
      listener({ ...event, path: this.#chroot.toCaller(event.path) });
    this.#listeners.set(listener, translated);
    return translated;
  }

  #call<Request, Response, Result>(
    operation: Operation<Request, Response>,
    path: string,
    make: (server: string) => Omit<Call<Request, Response, Result>, 'path' | 'operation'>,
  ): Promise<Result> {
    let call: Call<Request, Response, Result>;
    try {
      call = { ...make(this.#chroot.toServer(path)), operation, path };
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
    return this.#wire.call(call);
  }
}

function ignoreOperatingError(error: unknown): void {
  if (!(error instanceof ZeroKeeperError)) throw error;
}

/** Starts the session and waits for its first connection. */
async function opened(
  wire: WireSession,
  limit: { clock: Clock; patienceMs: number; servers: string },
): Promise<void> {
  let cancel: () => void = () => undefined;
  const settled = new Promise<void>((resolve, reject) => {
    wire.onState((state, reason) => {
      if (state === 'connected') resolve();
      else if (state === 'lost' || state === 'closed')
        reject(reason ?? errorFrom({ code: ErrorCode.ConnectionLoss }));
    });
    cancel = limit.clock.after(limit.patienceMs, () => {
      const code = ErrorCode.ConnectionLoss;
      wire.end('closed', errorFrom({ code, path: limit.servers, cause: wire.lastFailure }));
    });
  });
  wire.start();
  await settled.finally(() => cancel());
}

function createDefaults({ mode = 'persistent', acl = OPEN_ACL, ttlMs }: CreateOptions) {
  return { mode, acl, ttlMs };
}
