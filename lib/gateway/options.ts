/** The frame limit that ZooKeeper calls jute.maxbuffer. */
export const JUTE_MAX_BUFFER_DEFAULT = 0xfffff;

/** Every bound of a gateway, by name. All may be set; the defaults are ZooKeeper's where ZooKeeper has one. */
export interface GatewayLimits {
  /** Ms. The unit of the session timeouts' defaults. */
  readonly tickTimeMs: number;
  /** A client that asks for less gets this. Default: 2 ticks. */
  readonly minSessionTimeoutMs: number;
  /** A client that asks for more gets this. Default: 20 ticks. */
  readonly maxSessionTimeoutMs: number;
  /** Connections from one address; 0 is unlimited. */
  readonly maxClientConnections: number;
  /** Connections of all addresses; 0 is unlimited. */
  readonly connectionsMax: number;
  /** Bytes of one frame from a client. */
  readonly juteMaxBuffer: number;
  /** Unanswered requests of all connections together; beyond, the gateway reads no further requests. */
  readonly globalOutstandingLimit: number;
  /** The same bound under the name of ZooKeeper's request throttler: the lower of the two counts; 0 is none. */
  readonly requestThrottleLimit: number;
  /** Ms; a request that has waited for longer is refused with ThrottledOp when its turn comes; 0: none is. */
  readonly throttledOpWaitMs: number;
  /** Handshakes that may come at once; 0 is unlimited. */
  readonly connectionMaxTokens: number;
  /** After so many ms … */
  readonly connectionTokenFillTimeMs: number;
  /** … so many more may come. */
  readonly connectionTokenFillCount: number;
  /** Ms between two changes of the chance with which handshakes are dropped; -1: none are dropped by chance. */
  readonly connectionFreezeTimeMs: number;
  /** What that chance grows by while no handshake may come. */
  readonly connectionDropIncrease: number;
  /** What it shrinks by while at most `connectionDecreaseRatio` of the handshakes that may come at once are spent. */
  readonly connectionDropDecrease: number;
  readonly connectionDecreaseRatio: number;
  /** Unanswered requests of one connection; beyond, its socket is not read. */
  readonly connectionOutstandingMax: number;
  /** Bytes of those requests; beyond, the connection's socket is not read. One frame always fits. */
  readonly connectionOutstandingBytesMax: number;
  /** Bytes that a client has not taken yet; beyond, no further request of its is begun. */
  readonly outputPauseBytes: number;
  /** Bytes that a client has not taken yet; beyond, a further reply or event closes its connection. */
  readonly outputBytesMax: number;
  /** Watches of one connection; beyond, a request that sets one is refused with ThrottledOp. */
  readonly watchesPerConnectionMax: number;
  /** Authenticated ids of one connection; beyond, auth fails. */
  readonly authIdsPerConnectionMax: number;
  /** Ms from accept to the end of the handshake. */
  readonly handshakeTimeoutMs: number;
  /** Ms that a closed connection's last bytes are waited for. */
  readonly closeLingerMs: number;
  /** How often one read may hydrate before the view is taken to be too small for it. */
  readonly hydrationAttemptsMax: number;
  /** Hydrations that one request runs side by side. */
  readonly hydrationConcurrency: number;
  /** Reads of one multiRead; beyond, it is refused with ThrottledOp. */
  readonly multiReadReadsMax: number;
  /** Bytes of one multiRead's answer, about; beyond, it is refused with ThrottledOp. */
  readonly multiReadBytesMax: number;
  /** Znodes that one getAllChildrenNumber counts; beyond, it is refused with ThrottledOp. Those below `/` are counted anyway. */
  readonly subtreeZnodesMax: number;
  /** Rounds of hydration that this may take: about one a level of the tree. Beyond, ThrottledOp. */
  readonly subtreeLevelsMax: number;
}

/** The least values of those that may be less than 1, where that stands for no limit. */
const LEAST: Readonly<Record<string, number>> = {
  maxClientConnections: 0,
  connectionsMax: 0,
  requestThrottleLimit: 0,
  throttledOpWaitMs: 0,
  connectionMaxTokens: 0,
  connectionFreezeTimeMs: -1,
};

/** Parts of a whole: from 0 to 1. */
const PARTS = ['connectionDropIncrease', 'connectionDropDecrease', 'connectionDecreaseRatio'];

const BASE = {
  tickTimeMs: 2_000,
  maxClientConnections: 60,
  connectionsMax: 0,
  juteMaxBuffer: JUTE_MAX_BUFFER_DEFAULT,
  globalOutstandingLimit: 1_000,
  requestThrottleLimit: 0,
  throttledOpWaitMs: 0,
  connectionMaxTokens: 0,
  connectionTokenFillTimeMs: 1,
  connectionTokenFillCount: 1,
  connectionFreezeTimeMs: -1,
  connectionDropIncrease: 0.02,
  connectionDropDecrease: 0.002,
  connectionDecreaseRatio: 0,
  connectionOutstandingMax: 256,
  connectionOutstandingBytesMax: 4 * 1024 * 1024,
  outputPauseBytes: 1024 * 1024,
  outputBytesMax: 16 * 1024 * 1024,
  watchesPerConnectionMax: 500_000,
  authIdsPerConnectionMax: 64,
  handshakeTimeoutMs: 30_000,
  closeLingerMs: 1_000,
  hydrationAttemptsMax: 32,
  hydrationConcurrency: 32,
  multiReadReadsMax: 10_000,
  multiReadBytesMax: 16 * 1024 * 1024,
  subtreeZnodesMax: 10_000,
  subtreeLevelsMax: 64,
} as const;

/** Fills in the defaults. Throws a RangeError that names the limit when one cannot be. */
export function resolveLimits(given: Partial<GatewayLimits> = {}): GatewayLimits {
  const tickTimeMs = given.tickTimeMs ?? BASE.tickTimeMs;
  const limits: GatewayLimits = {
    ...BASE,
    minSessionTimeoutMs: 2 * tickTimeMs,
    maxSessionTimeoutMs: 20 * tickTimeMs,
    ...given,
  };
  for (const [name, value] of Object.entries(limits) as [string, number][]) {
    const least = LEAST[name] ?? 1;
    if (PARTS.includes(name)) {
      if (!(value >= 0 && value <= 1)) throw new RangeError(`${name} must be from 0 to 1, but is ${value}`);
    } else if (!Number.isSafeInteger(value) || value < least) {
      throw new RangeError(`${name} must be an integer of at least ${least}, but is ${value}`);
    }
  }
  if (limits.minSessionTimeoutMs > limits.maxSessionTimeoutMs) {
    throw new RangeError('minSessionTimeoutMs must not be greater than maxSessionTimeoutMs');
  }
  return limits;
}

/** The session timeout that a client gets for the one it asked for. */
export function negotiateTimeout(
  askedMs: number,
  limits: Pick<GatewayLimits, 'minSessionTimeoutMs' | 'maxSessionTimeoutMs'>,
): number {
  return Math.min(limits.maxSessionTimeoutMs, Math.max(limits.minSessionTimeoutMs, askedMs));
}
