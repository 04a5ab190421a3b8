/** Every bound of the service for thin clients, by name; the protocol's own stand in `lib/wire/thin-protocol.ts`. */

/** Kept of an invocation's time to end it: what is not done by then is left out of the answer. */
export const BATCH_RESERVE_MS = 1_000;
/** Kept of an invocation's time for the answer itself. */
export const ANSWER_RESERVE_MS = 300;
/** Reads of one request that are brought at the same time. */
export const READS_PARALLEL_MAX = 64;
/** How often one read may hydrate before the view is taken to be too small for it. */
export const HYDRATION_ATTEMPTS_MAX = 32;
/** A listing begins a page of its own rather than one that is shorter than this. */
export const LISTING_PAGE_BYTES_LEAST = 64 * 1024;
/** Transactions of the log that one `changes` looks at. */
export const CHANGES_TRANSACTIONS_MAX = 1_000;
/** What the answer of a write takes beside its path, at most. */
export const WRITE_RESULT_BYTES = 700;
/** Characters of a path or an id in a request; the state machine is stricter, in bytes. */
export const TEXT_LENGTH_MAX = 8_192;
/** Entries of one access control list. */
export const ACL_ENTRIES_MAX = 1_000;
/** How often a service reads the watermark while its keeper holds anything above it. */
export const UPKEEP_MS = 5_000;
