import {
  AbortedError,
  BadArgumentsError,
  ErrorCode,
  NoNodeError,
  OperationTimeoutError,
  SessionExpiredError,
  SessionMovedError,
  ZeroKeeperError,
  type ZeroKeeperClient,
} from '../../index.js';

/** What everything that waits takes. */
export interface WaitOptions {
  /** Gives up: it rejects with AbortedError and leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
  /** How long it may take, in ms. Beyond, it rejects with OperationTimeoutError and leaves nothing behind. Default: for ever. */
  readonly timeoutMs?: number | undefined;
}

/** What a call takes that is tried again: when others' changes come first, or until somebody answers. */
export type ChangeOptions = Pick<WaitOptions, 'signal'>;

/** The longest delay that a timer takes: some 24 days. */
const TIMER_MS_MAX = 2 ** 31 - 1;
const PAUSE_MS_MIN = 20;
const PAUSE_MS_MAX = 1_000;

export function isOver(client: ZeroKeeperClient): boolean {
  return client.state === 'lost' || client.state === 'closed';
}

/** Whether the session is over, or about to be: its ephemerals go with it. */
export function tellsOver(client: ZeroKeeperClient, error: unknown): boolean {
  return error instanceof SessionExpiredError || error instanceof SessionMovedError || isOver(client);
}

/** The error of whoever finds that the client was closed, or its session lost. */
export function sessionOver(path: string): SessionExpiredError {
  return new SessionExpiredError({ code: ErrorCode.SessionExpired, path });
}

/** Nobody answered; the same may be asked again. */
export function isTransient(error: unknown): error is ZeroKeeperError {
  return error instanceof ZeroKeeperError && error.retriable;
}

export function abortedError(path: string, signal: AbortSignal): ZeroKeeperError {
  const reason: unknown = signal.reason;
  if (reason instanceof OperationTimeoutError) return reason;
  return new AbortedError({ code: 0, path, cause: reason, message: 'the wait was given up by its signal' });
}

/** Resolves after `delayMs` of the client's time; rejects when the signal aborts first. */
export function pause(
  client: ZeroKeeperClient,
  delayMs: number,
  { path, signal }: { readonly path: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(abortedError(path, signal));
      return;
    }
    const onAbort = () => {
      cancel();
      if (signal !== undefined) reject(abortedError(path, signal));
    };
    const cancel = client.clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Waits longer with every failure. */
export function backoff(
  client: ZeroKeeperClient,
  failures: number,
  how: { readonly path: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const ceilingMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(failures, 16));
  return pause(client, ceilingMs * (0.5 + client.random.float() / 2), how);
}

/**
 * Makes the attempt until it is answered, across disconnects; for what may be done twice. Rejects with the answer when it is
 * a refusal, with AbortedError, and when the session is over.
 */
export async function untilAnswered<Result>(
  client: ZeroKeeperClient,
  how: { readonly path: string; readonly signal?: AbortSignal | undefined },
  attempt: () => Promise<Result>,
): Promise<Result> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (how.signal?.aborted === true) throw abortedError(how.path, how.signal);
      if (!isTransient(error) || isOver(client)) throw error;
    }
    await backoff(client, failures, how);
  }
}

/**
 * Runs what waits with one signal for both the application's signal and the time that it may take, and lets go of both.
 */
export async function withDeadline<Result>(
  client: ZeroKeeperClient,
  how: WaitOptions & { readonly path: string },
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { path, signal, timeoutMs = Infinity } = how;
  checkTimeout(path, timeoutMs);
  if (signal?.aborted === true) throw abortedError(path, signal);
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const cancel = client.clock.after(Math.min(timeoutMs, TIMER_MS_MAX), () =>
    controller.abort(new OperationTimeoutError({ code: ErrorCode.OperationTimeout, path })),
  );
  try {
    return await run(controller.signal);
  } catch (error) {
    // Whatever gave up did so because of this, and shall not tell less.
    throw error instanceof AbortedError ? abortedError(path, controller.signal) : error;
  } finally {
    cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}

function checkTimeout(path: string, timeoutMs: number): void {
  if (timeoutMs >= 0) return;
  const message = 'timeoutMs must be a number of ms from 0';
  throw new BadArgumentsError({ code: ErrorCode.BadArguments, path, message });
}

export async function isThere(
  client: ZeroKeeperClient,
  path: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const stat = await untilAnswered(client, { path, signal }, () =>
    client.exists(path, { consistency: 'linearizable', signal }),
  );
  return stat !== undefined;
}

/** Resolves when something happens to the znode, at once when it is not there. */
export async function untilTouched(
  client: ZeroKeeperClient,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    // Of the data, because a watch for existence would stay behind at the server when the znode has gone already.
    await untilAnswered(client, { path, signal }, async () => {
      const watch = await client.watch(path, { type: 'data', signal });
      const { done } = await watch.next();
      if (done === true) throw sessionOver(path);
    });
  } catch (error) {
    if (!(error instanceof NoNodeError)) throw error;
  }
}

/** What the promise comes to, unless the signal aborts first. */
export async function unlessAborted(
  path: string,
  promise: Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal === undefined) return promise;
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortedError(path, signal));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
