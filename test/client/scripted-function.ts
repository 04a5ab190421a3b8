import { ManualClock } from '../../lib/base/clock.js';
import { seededRandom } from '../../lib/base/random.js';
import { connect } from '../../lib/client/index.js';
import type { InvokeAnswer, LambdaOptions, ZeroKeeperClient } from '../../lib/client/index.js';
import type { WebSocketLike } from '../../lib/client/transports/lambda/push.js';
import type {
  ThinAnswer,
  ThinEvent,
  ThinRequest,
  ThinResult,
  ThinStat,
} from '../../lib/wire/thin-protocol.js';

export type BatchRequest = Extract<ThinRequest, { type: 'batch' }>;

export const STAT: ThinStat = {
  czxid: 1,
  mzxid: 2,
  ctime: 3,
  mtime: 4,
  version: 1,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: '0',
  dataLength: 0,
  numChildren: 0,
  pzxid: 1,
};

export const setDone = (zxid: number): ThinResult => ({ op: 'setData', zxid, stat: STAT });
export const readDone = (zxid: number): ThinResult => ({ op: 'getData', zxid, data: '', stat: STAT });

/** A request that waits for what the test makes of it. */
export interface Arrived<Request extends ThinRequest = ThinRequest> {
  readonly request: Request;
  readonly answer: (answer: ThinAnswer) => void;
  readonly fail: (error: Error) => void;
}

export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The function `api` as a test plays it, request by request. */
export class ScriptedFunction {
  readonly clock = new ManualClock();
  readonly arrived: Arrived[] = [];
  #client: ZeroKeeperClient | undefined;

  async connect(options: Partial<LambdaOptions> = {}): Promise<ZeroKeeperClient> {
    const connecting = connect({
      transport: 'lambda',
      functionName: 'api',
      invoke: (payload) => this.#invoke(payload),
      sessionTimeoutMs: 9_000,
      clock: this.clock,
      random: seededRandom(1),
      ...options,
    });
    const open = await this.take();
    const password = Buffer.alloc(16).toString('base64');
    const session = { session: 'ab', password, epoch: 1, timeoutMs: 9_000 };
    open.answer({ v: 1, type: 'opened', ...session, zxid: 1, cxid: 0 });
    this.#client = await connecting;
    return this.#client;
  }

  async take(): Promise<Arrived> {
    await turn();
    const next = this.arrived.shift();
    if (next === undefined) throw new Error('no request has come');
    return next;
  }

  async takeBatch(): Promise<Arrived<BatchRequest>> {
    const next = await this.take();
    if (next.request.type !== 'batch') throw new Error(`a ${next.request.type} has come`);
    return next as Arrived<BatchRequest>;
  }

  /** Lets time pass once what is under way has come to rest. */
  async pass(ms: number): Promise<void> {
    await turn();
    await this.clock.advance(ms);
  }

  async close(): Promise<void> {
    const closing = this.#client?.close();
    await this.clock.advance(10_000);
    await closing;
  }

  #invoke(payload: Uint8Array): Promise<InvokeAnswer> {
    const request = JSON.parse(new TextDecoder().decode(payload)) as ThinRequest;
    return new Promise((resolve, reject) => {
      const answer = (said: ThinAnswer) =>
        resolve({ payload: new TextEncoder().encode(JSON.stringify(said)) });
      this.arrived.push({ request, answer, fail: reject });
    });
  }
}

export function done(
  results: readonly ThinResult[],
  zxid = 10,
  events: readonly ThinEvent[] = [],
): ThinAnswer {
  return { v: 1, type: 'batch', zxid, results, events };
}

/** A WebSocket that opens, and speaks, when the test says so. */
export class ScriptedWebSocket implements WebSocketLike {
  readonly #listeners = new Map<string, () => void>();

  addEventListener(type: string, listener: () => void): void {
    this.#listeners.set(type, listener);
  }

  send(): void {
    // What the client says to it is not looked at.
  }

  close(): void {
    this.emit('close');
  }

  emit(type: 'open' | 'message' | 'close'): void {
    this.#listeners.get(type)?.();
  }
}

/** What a promise ends as: its value, or its error. */
export const settled = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => error);
