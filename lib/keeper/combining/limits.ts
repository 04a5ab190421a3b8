/** Every bound and pace of combining, by name. */

/** Partitions over which parked writes are spread: each takes 1 000 write units a second. */
export const INBOX_SHARDS = 8;
/** Rows that one look at a shard brings. */
export const INBOX_SHARD_ROWS_MAX = 250;
/** A row that is parked, or tells outcomes, is at most this long; what is longer contends as it always did. */
export const PARKED_BYTES_MAX = 64 * 1024;
/** How long a parked write may wait, whatever its sender's own deadline is: far below the due time of a blob that it may name. */
export const PARKED_MS_MAX = 10_000;
/** Outcomes are garbage long before this; DynamoDB deletes them some time after. */
export const OUTCOME_TTL_SECONDS = 3600;

/** Slots that a batch loses in a row before it is parked. Four writers lose that often to each other now and then. */
export const LOSSES_BEFORE_PARKING = 4;
/** Whose last write was combined with so many others parks the next one at once, if that was so long ago at most. */
export const CROWD_ROWS = 2.5;
export const CROWD_MS = 1000;
/** Appends in a row after which a keeper that never loses looks whether others have parked, when they took less than a second. */
export const APPENDS_BETWEEN_LOOKS = 16;
/** How long it appends nothing when there is a combiner: that one's read of the tail and its append. */
export const STAND_BACK_MS = 30;
/** An entry of another keeper with numbered writes of so many sessions says that there is a crowd. */
export const CROWD_SESSIONS = 4;

/** Before the first look at the outcome, and between the next two; later ones are further apart. Jitter comes on top. */
export const FIRST_POLL_MS = 22;
export const POLL_MS = 12;
export const POLL_SLOWER = 1.25;
export const POLL_LONGEST_MS = 50;
/** A combiner that has not been heard of for this long is taken to be gone. */
export const ROLE_MS = 150;
/** How often a combiner says that it is there. */
export const ROLE_RENEW_MS = 50;
/** The longest stint: a client of the combiner's own waits for its end. */
export const STINT_MS = 1000;
/** A stint ends so long before its own request's deadline; one that would be shorter is not begun. */
export const STINT_RESERVE_MS = 500;
/** How long an inbox may bring nothing new before the stint ends, usually and while there is a crowd, and the pause between two looks. */
export const LEAN_MS = 20;
export const CROWDED_LEAN_MS = 80;
export const LEAN_PAUSE_MS = 5;
/** How much the last look counts in the number of rows that outcomes tell of. */
export const CROWD_WEIGHT = 0.2;
/** Outcomes that are being written at the same time. */
export const OUTCOMES_PARALLEL_MAX = 128;
/** A combiner that has so many transactions to catch up on starts afresh at the watermark. */
export const FAR_BEHIND_TRANSACTIONS = 500;
/** After parking came to nothing, writes contend for so long. */
export const UNPARKED_MS = 100;
