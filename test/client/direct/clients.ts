import { OPEN_ACL } from '../../../lib/core/types.js';
import type { CreateMode } from '../../../lib/core/types.js';
import { createDirectTransport } from '../../../lib/client/direct/index.js';
import type { DirectTransport, DirectTransportOptions } from '../../../lib/client/direct/index.js';
import { ZeroKeeperError } from '../../../lib/client/errors.js';
import type {
  SessionState,
  TransportAnswer,
  TransportEvent,
  TransportOperation,
} from '../../../lib/client/transport.js';
import type { SimulatedStore } from '../../../lib/log/simulated-store.js';
import { NAMESPACE, type World } from '../../keeper/world.js';

export const TIMEOUT_MS = 6000;

export type Told =
  | { readonly what: 'event'; readonly event: TransportEvent }
  | { readonly what: 'answer'; readonly answer: TransportAnswer; readonly operation: TransportOperation };

/** A direct transport in a world, with a record of everything that it told, in order. */
export class DirectClient {
  readonly transport: DirectTransport;
  readonly store: SimulatedStore;
  readonly told: Told[] = [];
  readonly states: SessionState[] = [];
  readonly reasons: (ZeroKeeperError | undefined)[] = [];
  readonly #world: World;

  constructor(world: World, options: DirectTransportOptions = {}) {
    this.#world = world;
    this.store = world.connection();
    this.transport = createDirectTransport({
      ...{ store: this.store, namespace: NAMESPACE, clock: world.clock, random: world.random },
      sessionTimeoutMs: TIMEOUT_MS,
      ...options,
    });
  }

  async start(): Promise<this> {
    const onState = (state: SessionState, reason?: ZeroKeeperError) => {
      this.states.push(state);
      this.reasons.push(reason);
    };
    const onEvent = (event: TransportEvent) => void this.told.push({ what: 'event', event });
    const { signal } = new AbortController();
    await this.#world.until(this.transport.start({ onState, onEvent }, signal));
    return this;
  }

  /** Hands an operation over; `cancel` gives it up. */
  begin(operation: TransportOperation, onArmed?: () => void) {
    let cancel: () => boolean = () => false;
    const answer = new Promise<TransportAnswer>((resolve, reject) => {
      cancel = this.transport.submit({
        operation,
        onArmed,
        settle: (outcome) => {
          if (outcome instanceof ZeroKeeperError) {
            reject(outcome);
            return;
          }
          this.told.push({ what: 'answer', answer: outcome, operation });
          resolve(outcome);
        },
      });
    });
    answer.catch(() => undefined);
    return { answer, cancel: () => cancel() };
  }

  do(operation: TransportOperation): Promise<TransportAnswer> {
    return this.#world.until(this.begin(operation).answer);
  }

  events(): TransportEvent[] {
    return this.told.flatMap((one) => (one.what === 'event' ? [one.event] : []));
  }

  /** From now on the store is out of reach for this client. */
  cutOff(): void {
    this.store.intercept = () => 'lostRequest';
  }

  reconnect(): void {
    this.store.intercept = undefined;
  }
}

export function directClient(world: World, options: DirectTransportOptions = {}): Promise<DirectClient> {
  return new DirectClient(world, options).start();
}

export const op = {
  create: (path: string, mode: CreateMode = 'persistent', data = ''): TransportOperation => ({
    ...{ kind: 'create', path, mode, acl: OPEN_ACL },
    data: Buffer.from(data),
  }),
  set: (path: string, data: string, version = -1): TransportOperation => ({
    ...{ kind: 'setData', path, version },
    data: Buffer.from(data),
  }),
  delete: (path: string): TransportOperation => ({ kind: 'delete', path, version: -1 }),
  get: (path: string, watch = false): TransportOperation => ({
    ...{ kind: 'getData', path, watch, consistency: 'linearizable' },
  }),
  exists: (path: string, watch = false): TransportOperation => ({
    ...{ kind: 'exists', path, watch, consistency: 'linearizable' },
  }),
  children: (path: string, watch = false): TransportOperation => ({
    ...{ kind: 'getChildren', path, watch, consistency: 'linearizable' },
  }),
  local: (path: string): TransportOperation => ({
    ...{ kind: 'getData', path, watch: false, consistency: 'session' },
  }),
};
