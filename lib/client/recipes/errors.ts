import { ZeroKeeperError } from '../index.js';

/**
 * What was held is held no longer, or nobody can vouch for it: the session was lost, closed or silent beyond its lease, or
 * somebody deleted the znode. `cause` tells which. It is the reason of a lock's `signal`.
 */
export class LockLostError extends ZeroKeeperError {}

/** A counter or value was changed by others each time before it could be written. Nothing was changed by this call. */
export class ContentionError extends ZeroKeeperError {}
