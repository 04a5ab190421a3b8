import type { Clock } from '../../../base/clock.js';
import type { Instant } from '../../../base/instant.js';
import { ErrorCode } from '../../../core/errors.js';
import type { Zxid } from '../../../core/types.js';
import { AddWatchMode, EMPTY, operations } from '../../../wire/index.js';
import { errorFrom, ZeroKeeperError } from '../../errors.js';
import { toBytes } from '../../multi.js';
import type { SessionReference } from '../../options.js';
import type { Dial } from '../../tcp/channel.js';
import type { ServerAddress } from '../../tcp/servers.js';
import { WireSession } from '../../tcp/session.js';
import type { Random } from '../../../base/random.js';
import type {
  CancelCall,
  SessionState,
  Transport,
  TransportAnswer,
  TransportCall,
  TransportHandlers,
  TransportOperation,
  TransportResult,
  TransportSession,
} from '../../transport.js';
import { toWireCall } from './operations.js';

export interface TcpTransportOptions {
  readonly servers: readonly ServerAddress[];
  readonly sessionTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly session?: SessionReference | undefined;
  readonly canBeReadOnly?: boolean | undefined;
  readonly auth: readonly { readonly scheme: string; readonly auth: Uint8Array | string }[];
  readonly dial: Dial;
  readonly clock: Clock;
  readonly random: Random;
}

/** The events themselves come by onEvent; the registry only has to know what to set again after a reconnect. */
const REGISTERED = () => undefined;

/** ZooKeeper's own protocol as a transport. */
export class TcpTransport implements Transport {
  readonly kind = 'tcp';
  readonly capabilities = { exactlyOnce: false, changes: false, consistency: 'session' } as const;
  readonly #options: TcpTransportOptions;
  readonly #wire: WireSession;
  #handlers: TransportHandlers | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: TcpTransportOptions) {
    this.#options = options;
    this.#wire = new WireSession({
      servers: options.servers,
      timeoutMs: options.sessionTimeoutMs,
      canBeReadOnly: options.canBeReadOnly ?? false,
      dial: options.dial,
      clock: options.clock,
      random: options.random,
      onEvent: ({ kind, path, zxid }) =>
        this.#handlers?.onEvent({ type: kind, path, zxid, position: undefined }),
      ...(options.session === undefined ? {} : { resume: toResume(options.session) }),
    });
  }

  get session(): TransportSession | undefined {
    if (this.#wire.session === 0n) return undefined;
    return {
      id: BigInt.asUintN(64, this.#wire.session).toString(16),
      password: Buffer.from(this.#wire.password).toString('hex'),
      epoch: 0,
      timeoutMs: this.#wire.timeoutMs,
    };
  }

  get seen(): Zxid {
    return this.#wire.lastZxid;
  }

  get vouchedAt(): Instant {
    return this.#wire.vouchedAt;
  }

  async start(handlers: TransportHandlers, signal: AbortSignal): Promise<void> {
    this.#handlers = handlers;
    const connected = new Promise<void>((resolve, reject) => {
      this.#wire.onState((state, reason) => {
        this.#tell(state, reason);
        if (state === 'connected' || state === 'readOnly') resolve();
        else if (state === 'lost' || state === 'closed') reject(asError(reason));
      });
    });
    const onAbort = () => {
      const cause: unknown = this.#wire.lastFailure ?? signal.reason;
      const message = 'no server could be reached';
      this.#wire.end('closed', errorFrom({ code: ErrorCode.ConnectionLoss, message, cause }));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const authenticated = this.#options.auth.map(({ scheme, auth }) =>
      this.#wire.authenticate({ type: 0, scheme, auth: toBytes(auth) }),
    );
    this.#wire.start();
    if (signal.aborted) onAbort();
    try {
      await Promise.all([connected, ...authenticated]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  submit(call: TransportCall): CancelCall {
    const { operation } = call;
    if (isOneShotRemoval(operation)) return this.#answerSoon(call, { kind: 'removeWatch' });
    if (!('consistency' in operation) || operation.consistency === 'session') return this.#submit(call);
    return this.#submitAfterSync(call);
  }

  /** Nothing tells of changes here. */
  beyond(): Promise<void> {
    return Promise.reject(errorFrom({ code: ErrorCode.Unimplemented }));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { clock, closeTimeoutMs } = this.#options;
    if (this.#wire.state === 'connected' || this.#wire.state === 'readOnly') {
      const cancel = clock.after(closeTimeoutMs, () => this.#wire.end('closed'));
      const request = { operation: operations.closeSession, body: EMPTY, write: false };
      // The connection may break before the answer comes: the server then closes the session, or it expires.
      await this.#wire.call({ ...request, result: () => undefined }).catch(ignoreOperatingError);
      cancel();
    }
    this.#wire.end('closed');
  }

  /** Sync and read go out together; the read counts only if both were answered over the same connection. */
  #submitAfterSync(call: TransportCall): CancelCall {
    let failure: ZeroKeeperError | undefined;
    const cancelSync = this.#submit({
      operation: { kind: 'sync', path: '/' },
      settle: (outcome) => {
        if (outcome instanceof ZeroKeeperError) failure = outcome;
      },
    });
    const cancelRead = this.#submit({ ...call, settle: (outcome) => call.settle(failure ?? outcome) });
    return () => {
      cancelSync();
      return cancelRead();
    };
  }

  #submit(call: TransportCall): CancelCall {
    const wireCall = toWireCall(call.operation);
    let zxid: Zxid = 0;
    const cancel = this.#wire.submit(
      {
        ...wireCall,
        onAnswer: (err, at) => {
          zxid = at;
          this.#answered(call, err);
        },
      },
      {
        resolve: (result) => call.settle({ zxid, result } satisfies TransportAnswer),
        reject: (error) => call.settle(asError(error)),
      },
    );
    return () => cancel() && wireCall.write;
  }

  /** What the server now watches has to be set again after a reconnect. */
  #answered(call: TransportCall, err: number): void {
    const { operation } = call;
    if (!isArmed(operation, err)) return;
    const { watches } = this.#wire;
    if (operation.kind === 'addWatch') {
      const mode = AddWatchMode[operation.type];
      watches.addPersistent({ path: operation.path, mode, listener: REGISTERED });
    } else if (operation.kind === 'removeWatch') {
      watches.removePersistent(operation.path, operation.type);
    } else if (operation.kind === 'getChildren') watches.add('child', operation.path, REGISTERED);
    else if ('path' in operation) watches.add(err === 0 ? 'data' : 'exist', operation.path, REGISTERED);
    call.onArmed?.();
  }

  #answerSoon(call: TransportCall, result: TransportResult): CancelCall {
    let cancelled = false;
    queueMicrotask(() => {
      if (!cancelled) call.settle({ zxid: this.seen, result });
    });
    return () => {
      cancelled = true;
      return false;
    };
  }

  #tell(state: SessionState, reason: Error | undefined): void {
    this.#handlers?.onState(state, reason === undefined ? undefined : asError(reason));
  }
}

/** A one-shot watch that nobody wants any more stays at the server until it fires: not every server can take it off. */
function isOneShotRemoval(operation: TransportOperation): boolean {
  return (
    operation.kind === 'removeWatch' &&
    operation.type !== 'persistent' &&
    operation.type !== 'persistentRecursive'
  );
}

function isArmed(operation: TransportOperation, err: number): boolean {
  if (operation.kind === 'addWatch' || operation.kind === 'removeWatch') return err === 0;
  if (!('watch' in operation) || !operation.watch) return false;
  return err === 0 || (operation.kind === 'exists' && err === ErrorCode.NoNode);
}

function toResume(session: SessionReference) {
  return {
    session: BigInt.asIntN(64, BigInt(`0x${session.id}`)),
    password: Buffer.from(session.password, 'hex'),
    seen: 0,
  };
}

function asError(error: Error | undefined): ZeroKeeperError {
  if (error instanceof ZeroKeeperError) return error;
  return errorFrom({ code: ErrorCode.ConnectionLoss, cause: error });
}

function ignoreOperatingError(error: unknown): void {
  if (!(error instanceof ZeroKeeperError)) throw error;
}
