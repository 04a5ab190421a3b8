import type { FunctionWiring } from '../../functions/shared/wiring.js';
import type { Clock } from '../../lib/base/clock.js';
import type { Random } from '../../lib/base/random.js';
import type { ThinAnswer, ThinRequest } from '../../lib/wire/thin-protocol.js';

export const NAMESPACE = 'bench';
/** Of one invocation, as the CDK construct sets it. */
const TIMEOUT_MS = 29_000;
const SESSION_TIMEOUT_MS = 40_000;
const OPEN_ACL = [{ perms: 31, scheme: 'world', id: 'anyone' }];

interface Operation {
  readonly op: string;
  readonly [field: string]: unknown;
}

/** A client of the function `api` without a network: one session, whose requests go to whichever instance is given. */
export class ThinClient {
  readonly #clock: Clock;
  readonly #random: Random;
  #session: { id: string; epoch: number } | undefined;
  #cxid = 0;
  #seen = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  async open(instance: FunctionWiring): Promise<void> {
    const openId = Buffer.from(this.#random.bytes(16)).toString('base64');
    const answer = await this.#ask(instance, { v: 1, type: 'open', timeoutMs: SESSION_TIMEOUT_MS, openId });
    if (answer.type !== 'opened') throw new Error(JSON.stringify(answer));
    this.#session = { id: answer.session, epoch: answer.epoch };
  }

  create(instance: FunctionWiring, path: string, bytes: number): Promise<void> {
    const operation = { op: 'create', path, data: this.#data(bytes), acl: OPEN_ACL, mode: 'persistent' };
    return this.#batch(instance, { ...operation, cxid: ++this.#cxid });
  }

  set(instance: FunctionWiring, path: string, bytes: number): Promise<void> {
    const operation = { op: 'setData', path, data: this.#data(bytes), version: -1 };
    return this.#batch(instance, { ...operation, cxid: ++this.#cxid });
  }

  get(instance: FunctionWiring, path: string): Promise<void> {
    return this.#batch(instance, { op: 'getData', path });
  }

  /** Of bytes that do not compress. */
  #data(bytes: number): string {
    return Buffer.from(this.#random.bytes(bytes)).toString('base64');
  }

  async #batch(instance: FunctionWiring, operation: Operation): Promise<void> {
    const { session } = this;
    const request = {
      v: 1,
      type: 'batch',
      session,
      seen: this.#seen,
      watching: false,
      operations: [operation],
    };
    const answer = await this.#ask(instance, request as unknown as ThinRequest);
    const result = answer.type === 'batch' ? answer.results[0] : undefined;
    if (result?.op !== operation.op) throw new Error(JSON.stringify(answer));
    this.#seen = Math.max(this.#seen, result.zxid);
  }

  get session(): { id: string; epoch: number } {
    if (this.#session === undefined) throw new Error('no session');
    return this.#session;
  }

  /** Repeats what may be repeated, as the client does. */
  async #ask(instance: FunctionWiring, request: ThinRequest): Promise<ThinAnswer> {
    for (;;) {
      const endMs = this.#clock.monotonic() + TIMEOUT_MS;
      const answer = await instance.answer(request, {
        requestId: 'bench',
        namespace: NAMESPACE,
        authIds: [],
        remainingMs: () => endMs - this.#clock.monotonic(),
      });
      if (answer.type !== 'error' || !answer.retriable) return answer;
    }
  }
}
