/** The lambda transport's bounds and defaults, each by its name. */

/** Operations that wait for their turn. Beyond, an operation is refused with ThrottledError. */
export const QUEUED_OPERATIONS_MAX = 10_000;
/** Bytes of JSON that wait for their turn. */
export const QUEUED_BYTES_MAX = 64 * 1024 * 1024;
/** What a request takes besides its operations, in bytes, generously. */
export const ENVELOPE_BYTES = 1024;
/** What an operation takes besides its JSON (its cxid and a comma), in bytes, generously. */
export const OPERATION_OVERHEAD_BYTES = 32;

export const POLL_MS_DEFAULT = 1_000;
export const INVOKE_TIMEOUT_MS_DEFAULT = 10_000;

/** Tries of a write whose number the server does not expect, before the session is given up. */
export const OUT_OF_ORDER_MAX = 5;
