import type { Clock } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { AuthId } from '../../core/types.js';
import type { ViewLimits } from '../../keeper/view.js';
import type { DynamoStoreOptions } from '../../log/dynamo-store.js';
import type { Store } from '../../log/store.js';
import type { RetryPolicy } from '../backoff.js';
import type { SessionReference } from '../options.js';

/** Where the tables are. */
export interface DirectStoreOptions {
  /** A store of your own instead of DynamoDB. It has to keep the store port's contract; `clock` is then taken as it is. */
  readonly store?: Store | undefined;
  /** URL of a DynamoDB other than AWS's own. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  /** A `DynamoDBClient` of your own. Give it short time-outs: what is in doubt is settled by the keeper. It is not closed. */
  readonly client?: DynamoStoreOptions['client'] | undefined;
  /** The tables are called `prefix-log` and so on. Default `zerokeeper`. */
  readonly tablePrefix?: string | undefined;
}

/** What {@link createDirectTransport} takes. Times are in ms. */
export interface DirectTransportOptions extends DirectStoreOptions {
  /** The tree. Default `default`. */
  readonly namespace?: string | undefined;
  /**
   * A session to go on with; or false for none: no ephemerals and no watches, nothing to close, and writes that are not
   * exactly once (an ambiguous end is `maybeApplied` and not retried).
   */
  readonly session?: SessionReference | false | undefined;
  /** Default 30 000; brought within 4000 and 3 600 000. */
  readonly sessionTimeoutMs?: number | undefined;
  /** How long close() takes at most. Default 2000. */
  readonly closeTimeoutMs?: number | undefined;
  /** How long to wait before what failed is tried again. */
  readonly retry?: RetryPolicy | undefined;
  /** Bounds of what the keeper remembers of the tree. */
  readonly viewLimits?: ViewLimits | undefined;
  /**
   * Who the application is, for access control lists. A process with permissions on the tables could as well write to them:
   * the lists keep its mistakes out, not its intentions.
   */
  readonly authIds?: readonly AuthId[] | undefined;
  /** Whether this client's writes are refused that exceed a hard quota, as gateways with that option do. Default false. */
  readonly enforceQuota?: boolean | undefined;
  /** Whether to close the sessions of gateways and clients that died, as gateways do. Default true. */
  readonly reap?: boolean | undefined;
  /** Called while the materializer lags by more than a minute; it may well invoke it. Must not throw. */
  readonly callMaterializer?: (() => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}
