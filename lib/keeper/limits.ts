/** Every bound of the keeper, by name. Units are the last word of the name. */

/** Data up to this length stands in the znode's own record; longer data is a blob. */
export const INLINE_DATA_BYTES_MAX = 4096;
/** A blob is cut into rows of this size, well below DynamoDB's 400 KB an item. */
export const BLOB_CHUNK_BYTES = 350 * 1024;
/** Blobs may be garbage for this long before a sweep may look at them. */
export const BLOB_GARBAGE_DUE_MS = 3 * 24 * 3600_000;
/** A writer takes its blob for due by so much earlier than the sweep does, for clocks that differ. */
export const BLOB_REWRITE_MARGIN_MS = 3600_000;
/** Blobs that a process wrote and remembers until their entry has won. */
export const BLOBS_UNCONFIRMED_MAX = 10_000;
/** How long after a look at a blob that a znode still has the sweep looks again, when its entry has been trimmed. */
export const BLOB_USED_DUE_MS = 30 * 24 * 3600_000;
/** Due blobs that one sweep looks at. */
export const GARBAGE_BLOBS_MAX = 100;
/** Entries of the log, and bytes of it, that one sweep reads in search of their names. */
export const GARBAGE_ENTRIES_MAX = 10_000;
export const GARBAGE_BYTES_MAX = 64 * 1024 * 1024;

/** The log is kept for at least this long: blobs are found to be garbage by what it says for three days. */
export const LOG_RETENTION_MS_MIN = 7 * 24 * 3600_000;
/** A hundred years: who wants more keeps the log for good. */
export const LOG_RETENTION_MS_MAX = 36_500 * 24 * 3600_000;
/** Entries that are trimmed together, and at the same time. */
export const TRIM_ENTRIES_MAX = 100;
export const TRIM_PARALLEL_MAX = 16;

/** Requests of one batch, which share one entry of the log. */
export const BATCH_REQUESTS_MAX = 1000;
/** A batch is closed when its transactions reach this; one larger transaction alone becomes a blob. */
export const BATCH_BYTES_MAX = 256 * 1024;
/** Writes that wait for a batch. Beyond it, `Overloaded`. */
export const QUEUED_WRITES_MAX = 20_000;
/** Bytes of data in the writes that wait for a batch. Beyond it, `Overloaded`. */
export const QUEUED_BYTES_MAX = 128 * 1024 * 1024;

/** First and longest pause before a put whose outcome is in doubt is tried again. */
export const RETRY_FIRST_MS = 20;
export const RETRY_LONGEST_MS = 2000;
/** Longest pause after a lost slot; grows with the losses in a row. */
export const CONFLICT_JITTER_MS = 4;
export const CONFLICT_JITTER_LOSSES_MAX = 10;
/** A read that failed is tried this often before the caller is told. */
export const READ_ATTEMPTS_MAX = 5;

/** How old what a keeper knows of its namespace's limits may be when it writes. */
export const NAMESPACE_REFRESH_MS = 10_000;
/** Rows of namespaces that a list of them reads at the same time. */
export const NAMESPACES_READ_PARALLEL_MAX = 16;

/** Bounds of a view, in approximate bytes of memory. */
export const VIEW_NODES_BYTES_MAX = 128 * 1024 * 1024;
export const VIEW_LISTS_BYTES_MAX = 64 * 1024 * 1024;
export const VIEW_SESSIONS_BYTES_MAX = 32 * 1024 * 1024;
export const VIEW_BLOBS_BYTES_MAX = 64 * 1024 * 1024;

/** From so many missing children of one znode on, their list is read instead, unless it holds too many other names. */
export const LIST_INSTEAD_KEYS_MIN = 8;
export const LIST_INSTEAD_NAMES_A_KEY_MAX = 100;
/** Records that are read from the store at the same time. */
export const HYDRATIONS_PARALLEL_MAX = 64;
/** A view whose last look at the tail is older reads the tail before it trusts an absent row (tombstones live a day). */
export const HYDRATION_STALENESS_MS_MAX = 10 * 60_000;

/** How often the log's tail is polled: right after foreign entries, and when nothing has come for long. */
export const FOLLOW_BUSY_MS = 20;
export const FOLLOW_IDLE_MS = 250;
/** How often the watermark is read while the window holds anything. */
export const WATERMARK_POLL_MS = 1000;
/** Bytes in the window from which a keeper that does not follow the log looks at the watermark while it writes. */
export const WINDOW_REFRESH_BYTES = 256 * 1024;
/** Age of the oldest entry above the watermark from which keepers call materialize themselves. */
export const LAG_CALL_MS = 60_000;
/** Bytes of log above the watermark: writers slow down from the first, stop at the second. */
export const LAG_SLOW_BYTES = 16 * 1024 * 1024;
export const LAG_STOP_BYTES = 96 * 1024 * 1024;
/** Age of the oldest entry above the watermark from which writers slow down, to the longest pause at twice of it. */
export const LAG_SLOW_MS = 120_000;
/** The longest pause of a writer that slows down. */
export const LAG_PAUSE_MS_MAX = 200;

/** Entries that the materializer reads before it writes their rows and moves the watermark. */
export const MATERIALIZE_ENTRIES_MAX = 100;
/** Rows written at the same time. */
export const MATERIALIZE_PARALLEL_MAX = 32;
/** No row is written later than this after its batch began: a tombstone that protects it may be gone after a day. */
export const MATERIALIZE_WRITE_MS_MAX = 10 * 60_000;
/** How long a tombstone stays. */
export const TOMBSTONE_SECONDS = 24 * 3600;

/** How often a gateway renews its lease: an eighth of its shortest session timeout or half of what its lease may age, within these bounds. */
export const GATEWAY_RENEW_SHORTEST_MS = 300;
export const GATEWAY_RENEW_LONGEST_MS = 3000;
/** Without sessions there is nothing to vouch for but the gateway's own name in the list. */
export const GATEWAY_RENEW_IDLE_MS = 5000;
/** The timeout that a gateway without sessions vouches for, so that its row does not lapse between idle renewals. */
export const GATEWAY_IDLE_TIMEOUT_MS = 20_000;
/** A gateway's row outlasts its last renewal by the longest timeout of its sessions plus this. */
export const GATEWAY_LEASE_MARGIN_MS = 10_000;
/** DynamoDB's TTL may only ever come late; the row's TTL is later than its deadline by this, for clocks that differ. */
export const LEASE_TTL_SLACK_SECONDS = 60;
/**
 * By how much two clocks may differ that were corrected by the store's time (I13). After one sample each knows its error to half
 * a second and half a round trip, and with each further sample better; this allows for round trips of 300 ms.
 */
export const CLOCKS_DIFFER_MS_MAX = 1_300;
/** What reapers add to a lease that has run out, for clocks that differ. Expiry has two seconds in all, so no more than this. */
export const REAP_ALLOWANCE_MS = 700;
/**
 * A gateway answers for a session while its lease is younger than this part of the session's timeout, less what clocks may
 * differ by beyond what reapers allow for, but for the second part at least. Clients give a connection up after two thirds of
 * the timeout without an answer, so the two together end before the session may be expired by others.
 */
export const FENCE_FRACTION = 1 / 3;
export const FENCE_FRACTION_MIN = 1 / 6;
/** Bounds of the reaper's pause between two looks at the gateways. */
export const REAP_PAUSE_SHORTEST_MS = 200;
export const REAP_PAUSE_LONGEST_MS = 2000;
/** How often a gateway looks for sessions of its own that have not been heard of. */
export const EXPIRY_TICK_MS = 200;
/** Attempts to attach a session that others attach at the same time. */
export const ATTACH_ATTEMPTS_MAX = 5;
/** Attempts to find a session id that is free. */
export const SESSION_ID_ATTEMPTS_MAX = 5;

/** A container goes when it has been without children for so long: whoever makes and deletes children in turn keeps it. */
export const CONTAINER_IDLE_MS = 1000;
/** How often a gateway looks whether a znode may have fallen due to go by itself. */
export const IDLE_TICK_MS = 500;
/** Markers of such znodes that are worked on at the same time, and how often one sweep takes so many. */
export const IDLE_MARKERS_MAX = 100;
export const IDLE_ROUNDS_MAX = 100;
/** How often one sweep looks at a znode that others write meanwhile. */
export const IDLE_ATTEMPTS_MAX = 3;
/** Markers that fall due within so many ms of each other share a timer. */
export const IDLE_SAME_SECOND_MS = 1000;

/** A read that waits between writes is not held for a list of more children: its answer would be long, and many may be held. */
export const HELD_CHILDREN_MAX = 1_000;
