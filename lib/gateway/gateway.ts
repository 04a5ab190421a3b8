import type { AddressInfo, Socket } from 'node:net';

import type { CancelTimer, Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Random } from '../base/random.js';
import { allows } from '../core/acl.js';
import { Perms, type SessionId, type WatchTrigger } from '../core/types.js';
import type { Commit, GatewayInfo, GatewaySessionsApi, KeeperApi } from '../keeper/types.js';
import { Admission } from './admission.js';
import type { AuditLog } from './audit.js';
import { plainAddress, type AuthSettings } from './auth.js';
import { Connection, type ConnectionContext } from './connection.js';
import { ConnectionThrottle } from './connection-throttle.js';
import { Door } from './door.js';
import { FrameWriter } from './frames.js';
import { Listener, type ListenAt, type ListenerOptions } from './listener.js';
import { resolveLimits, type GatewayLimits } from './options.js';
import { ReadOnlySessions } from './read-only-sessions.js';
import { Serving } from './serving.js';
import { QuotaWarnings } from './quota-warnings.js';
import { SessionRegistry } from './session-registry.js';
import type { SessionConnection } from './session-requests.js';
import { GatewayStats } from './stats.js';
import { ephemeralsOf } from './ephemerals.js';
import type { Counting, DoorStatus, GatewayStatus } from './status.js';
import { Certificates, type TlsSettings } from './tls/certificates.js';
import { WatchTable } from '../keeper/watches.js';
import { answerWord, FOUR_LETTER_WORDS } from './words.js';

export interface GatewayOptions {
  /** The name of the tree that the keeper serves. */
  readonly namespace: string;
  readonly keeper: KeeperApi;
  readonly sessions: GatewaySessionsApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits?: Partial<GatewayLimits>;
  /** Whom it knows. Default: nobody but by `digest`, `ip` and certificates. */
  readonly auth?: AuthSettings;
  /**
   * ZooKeeper's readonlymode.enabled: whether clients that allow a server which only reads are served while the store cannot be reached,
   * from what the keeper's view holds, until the gateway's lease ends. Default: false.
   */
  readonly readOnlyMode?: boolean;
  /** The four-letter words that are answered, and `isro` in any case with a read-only mode. Default: all. */
  readonly fourLetterWords?: readonly string[];
  /** Where every change is told, with who made it. Default: nowhere. */
  readonly audit?: AuditLog | undefined;
  /** All gateways of the namespace, for `gwys`. */
  gateways(): Promise<readonly GatewayInfo[]>;
}

/** What ZooKeeper begins with, and tells when it is asked. */
const TRACE_MASK_DEFAULT = 306n;

/** Before the keeper has answered for the first time, it is asked again after this long, up to twice of it. */
const READY_RETRY_MS = 500;

/**
 * A server that speaks ZooKeeper's protocol over one keeper. It holds no state that is not in the log or in its clients: any
 * number of gateways serve a namespace side by side, and a client may reconnect to another at any time.
 *
 * A session's requests are answered in the order in which they came. An event of a transaction is on a client's wire
 * before every reply that shows a state with the transaction in it, the transaction's own reply included.
 */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #limits: GatewayLimits;
  readonly #listeners: Listener[] = [];
  readonly #certificates: Certificates[] = [];
  readonly #quotaWarnings: QuotaWarnings;
  readonly #door: Door;
  readonly #throttle: ConnectionThrottle;
  readonly #connections = new Set<Connection>();
  readonly #watches: WatchTable<SessionConnection>;
  readonly #serving: Serving;
  readonly #readOnlySessions: ReadOnlySessions;
  readonly #registry = new SessionRegistry<Connection>();
  readonly #admission: Admission;
  readonly #frames = new FrameWriter();
  readonly #stats = new GatewayStats();
  readonly #words: ReadonlySet<string>;
  readonly #context: ConnectionContext;
  readonly #startedMs: number;
  readonly #counting: Counting;
  #unsubscribe: (() => void)[] = [];
  #cancelRetry: CancelTimer = () => undefined;
  #tlsFailures = 0;
  #throttled = 0;
  #closedNow: SessionId | undefined;
  #ready = false;
  #port = 0;
  #securePort: number | undefined;
  #whenEmpty: () => void = () => undefined;
  #closing: Promise<void> | undefined;

  /** Throws a RangeError for a limit that cannot be, or a four-letter word that no gateway has. */
  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#limits = resolveLimits(options.limits);
    this.#words = allowedWords(options);
    this.#startedMs = options.clock.monotonic();
    this.#watches = new WatchTable(this.#limits.watchesPerConnectionMax);
    this.#admission = new Admission(outstandingMax(this.#limits));
    this.#throttle = new ConnectionThrottle(this.#limits, options);
    this.#readOnlySessions = new ReadOnlySessions({
      ...{ clock: options.clock, random: options.random, limits: this.#limits },
      head: () => options.keeper.head,
    });
    this.#serving = this.#newServing();
    this.#context = {
      serving: this.#serving,
      readOnlySessions: this.#readOnlySessions,
      keeper: options.keeper,
      sessions: options.sessions,
      clock: options.clock,
      logger: options.logger,
      limits: this.#limits,
      watches: this.#watches,
      registry: this.#registry,
      admission: this.#admission,
      audit: options.audit,
      mayOpen: () => this.#mayOpen(),
      frames: this.#frames,
      stats: this.#stats,
      auth: options.auth ?? {},
      random: options.random,
      answer: (word, argument) =>
        answerWord({ word, argument, allowed: this.#words, status: this.#status() }),
    };
    this.#quotaWarnings = new QuotaWarnings({
      ...{ keeper: options.keeper, clock: options.clock, logger: options.logger },
      stats: this.#stats,
    });
    this.#counting = this.#newCounting();
    this.#door = new Door(this.#limits, options.logger);
  }

  /**
   * Starts to serve; port 0 takes a free one. Resolves when clients can connect, with the address to connect to. Rejects
   * when the address cannot be had. May be called for several addresses.
   */
  async listen(at: ListenAt): Promise<{ readonly address: AddressInfo }> {
    const address = await this.#addListener().listen(at);
    this.#port = address.port;
    this.serve();
    return { address };
  }

  /** The same with TLS; rejects with CertificateError when the certificates cannot be used. */
  async listenSecurely(
    at: ListenAt & { readonly tls: TlsSettings },
  ): Promise<{ readonly address: AddressInfo }> {
    const { clock, logger } = this.#options;
    const certificates = new Certificates({ settings: at.tls, clock, logger });
    const options = await certificates.load();
    const { handshakeTimeoutMs } = this.#limits;
    const listener = this.#addListener({
      options,
      handshakeTimeoutMs,
      onFailure: () => (this.#tlsFailures += 1),
    });
    const address = await listener.listen(at);
    certificates.follow((changed) => listener.useCertificates(changed));
    this.#certificates.push(certificates);
    this.#securePort = address.port;
    this.serve();
    return { address };
  }

  /**
   * Stops to serve, losing nothing: no connection is accepted any more, and those there are get the answers to what was begun for
   * them, then are hung up, for their clients to go on at another gateway. Waits no longer than `timeoutMs`, then it is {@link close}.
   */
  async drain(timeoutMs: number): Promise<void> {
    this.#ready = false;
    const closed = this.#closeListeners();
    const empty = new Promise<void>((resolve) => (this.#whenEmpty = resolve));
    for (const connection of this.#connections) connection.drain('the gateway is stopping');
    if (this.#connections.size > 0 && timeoutMs > 0) await this.#inTime(timeoutMs, empty);
    await this.close();
    await closed;
  }

  /**
   * Stops to serve: no connection is accepted any more, those there are get what was queued for them and are hung up, after
   * `closeLingerMs` at the latest. Their sessions live on until they expire or move. May be called twice.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** What the four-letter words tell, for other ways to ask. */
  status(): GatewayStatus {
    return this.#status();
  }

  async #close(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#ready = false;
    this.#serving.stop();
    this.#cancelRetry();
    for (const connection of this.#connections) connection.end('the gateway is stopping');
    await this.#closeListeners();
  }

  async #closeListeners(): Promise<void> {
    for (const certificates of this.#certificates) certificates.stop();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  #inTime(timeoutMs: number, event: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(timeoutMs, resolve);
      void event.then(() => {
        cancel();
        resolve();
      });
    });
  }

  #addListener(tls?: ListenerOptions['tls']): Listener {
    const listener = new Listener({
      logger: this.#options.logger,
      admit: (socket) => this.#closing === undefined && this.#door.admit(socket),
      accept: (socket) => this.accept(socket),
      ...(tls !== undefined && { tls }),
    });
    this.#listeners.push(listener);
    return listener;
  }

  /** Begins to serve, which `listen` does with the first address: connections may also come by {@link accept}. */
  serve(): void {
    if (this.#unsubscribe.length > 0) return;
    const { keeper, sessions } = this.#options;
    this.#unsubscribe = [
      keeper.onCommit((commit) => this.#fire(commit)),
      sessions.onEnd((session, end) => {
        if (end === 'closed') this.#closedNow = session;
        const holder = this.#registry.get(session);
        if (holder?.endExpected !== true) holder?.end(`the session was ${end}`);
      }),
    ];
    this.#becomeReady();
  }

  /** Takes a connection over, wherever it comes from. */
  accept(socket: Socket): void {
    const connection = new Connection(this.#context, socket, plainAddress(socket.remoteAddress ?? ''));
    this.#connections.add(connection);
    socket.once('close', () => {
      this.#connections.delete(connection);
      if (this.#connections.size === 0) this.#whenEmpty();
    });
  }

  #fire(commit: Commit): void {
    const { zxid } = commit.position;
    this.#quotaWarnings.see(commit);
    if (this.#options.audit !== undefined) this.#auditEnd(commit, this.#options.audit);
    for (const trigger of commit.triggers) {
      let frame: Uint8Array | undefined;
      for (const watcher of this.#watches.fire(trigger)) {
        if (!mayRead(watcher, trigger)) continue;
        frame ??= this.#frames.event(trigger, zxid);
        watcher.deliverEvent({ zxid, frame });
      }
    }
  }

  /** Of a session that this gateway owned: its end has been told, in this same turn, before its commit comes here. */
  #auditEnd({ txn }: Commit, audit: AuditLog): void {
    const { effect } = txn;
    if (effect.type !== 'closeSession' || effect.session !== this.#closedNow) return;
    this.#closedNow = undefined;
    audit.sessionEnded(effect.session, effect.ephemerals);
  }

  /** Ready is who has read the log's tail once. */
  #becomeReady(): void {
    const { keeper, clock, random, logger } = this.#options;
    keeper.sync().then(
      () => {
        this.#ready = this.#closing === undefined;
        if (this.#ready) this.#serving.start();
      },
      (error: unknown) => {
        if (this.#closing !== undefined) return;
        logger.warn('the keeper does not answer yet', { error });
        const delayMs = READY_RETRY_MS * (1 + random.float());
        this.#cancelRetry = clock.after(delayMs, () => this.#becomeReady());
      },
    );
  }

  #status(): GatewayStatus {
    const { keeper, sessions, namespace, clock } = this.#options;
    return {
      namespace,
      ready: this.#ready,
      mode: this.#serving.mode,
      port: this.#port,
      securePort: this.#securePort,
      uptimeMs: clock.monotonic() - this.#startedMs,
      stats: this.#stats,
      outstanding: this.#admission.outstanding,
      connections: [...this.#connections].map((connection) => connection.status()),
      door: this.#doorStatus(),
      head: keeper.head,
      watermark: keeper.watermark,
      counters: keeper.counters,
      sessions: sessions.size,
      limits: this.#limits,
      watches: () => this.#watches.summary(),
      watchedPaths: () => this.#watchedPaths(),
      ownedSessions: () => this.#ownedSessions(),
      ephemerals: () => ephemeralsOf(keeper, sessions.owned()),
      gateways: () => this.#options.gateways(),
      counting: this.#counting,
    };
  }

  #newServing(): Serving {
    const { keeper, sessions, clock, logger, readOnlyMode = false } = this.#options;
    return new Serving({
      ...{ readOnlyMode, clock, logger, tickTimeMs: this.#limits.tickTimeMs },
      reach: () => ({
        logOverdueMs: keeper.overdueMs,
        leaseAgeMs: sessions.lease.ageMs,
        leaseLeftMs: sessions.lease.leftMs,
      }),
      onChange: (mode) => {
        for (const connection of this.#connections) connection.servingChanged(mode);
        if (mode !== 'ro') this.#readOnlySessions.clear();
      },
      onReadOnlyTick: () => {
        for (const session of this.#readOnlySessions.expire())
          this.#registry.get(session)?.end('the session was not heard of');
      },
    });
  }

  #newCounting(): Counting {
    return {
      traceMask: TRACE_MASK_DEFAULT,
      resetServer: () => this.#stats.reset(),
      resetConnections: () => {
        for (const connection of this.#connections) connection.resetStats();
      },
    };
  }

  #mayOpen(): boolean {
    const may = this.#throttle.admit();
    if (!may) this.#throttled += 1;
    return may;
  }

  #doorStatus(): DoorStatus {
    const tlsShaking = this.#listeners.reduce((sum, { shaking }) => sum + shaking, 0);
    const rejected = this.#door.rejected + this.#throttled;
    const { dropProbability } = this.#throttle;
    return { rejected, tlsFailures: this.#tlsFailures, tlsShaking, dropProbability };
  }

  *#watchedPaths() {
    for (const [{ session }, path] of this.#watches.entries()) yield { session, path };
  }

  *#ownedSessions() {
    const nowMs = this.#options.clock.now();
    for (const { session, leftMs } of this.#options.sessions.owned())
      yield { session, expiresAtMs: nowMs + leftMs };
  }
}

/**
 * Events are for those who may READ the znode. A keeper that does not know its ACL delivers the event, which tells no more
 * than the path: to lose it would leave the watcher with an old state for good.
 */
function mayRead(watcher: SessionConnection, { acl }: WatchTrigger): boolean {
  return acl === undefined || allows(acl, Perms.read, watcher.authIds);
}

function outstandingMax({ globalOutstandingLimit, requestThrottleLimit }: GatewayLimits): number {
  return requestThrottleLimit === 0
    ? globalOutstandingLimit
    : Math.min(globalOutstandingLimit, requestThrottleLimit);
}

/** With a read-only mode clients ask for `isro`, and as in ZooKeeper it needs no permission then. */
function allowedWords(options: GatewayOptions): ReadonlySet<string> {
  const { fourLetterWords: words = FOUR_LETTER_WORDS, readOnlyMode } = options;
  for (const word of words) {
    if (!FOUR_LETTER_WORDS.includes(word))
      throw new RangeError(`no gateway has the four-letter word ${word}`);
  }
  return new Set(readOnlyMode === true ? [...words, 'isro'] : words);
}
