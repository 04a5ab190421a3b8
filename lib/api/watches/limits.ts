/** Every bound of thin clients' watches, by name. Units are the last word of the name. */

/** Triggers that an instance remembers, so that it need not read the log again for what notify has not marked yet. */
export const RECENT_TRIGGERS_MAX = 20_000;
/** Bytes of log that one look for events reads at most, give or take a page. */
export const EVENTS_LOG_BYTES_MAX = 16 * 1024 * 1024;
/** Approximate bytes of JSON of the events in one answer, give or take a transaction. */
export const EVENTS_BYTES_MAX = 1024 * 1024;
/** What an event takes in JSON beside its path, about. */
export const EVENT_OVERHEAD_BYTES = 150;
/** A cursor that was read earlier does as long as no more transactions than this lie between it and an answer. */
export const CURSOR_AGE_TRANSACTIONS_MAX = 200;
/** Sessions whose completed armings an instance remembers between arming and the answer. */
export const ARMINGS_SESSIONS_MAX = 1000;

/** Entries that notify reads before it writes their marks and moves its cursor. */
export const NOTIFY_ENTRIES_MAX = 50;
/** Queries and marks of notify at the same time. */
export const NOTIFY_PARALLEL_MAX = 32;
/** Attempts to write what a persistent watch fired while others write to the same row. */
export const MARK_ATTEMPTS_MAX = 10;
/** Rows of one session that are written at the same time. */
export const ROWS_PARALLEL_MAX = 16;
/** Rows of sessions that are gone stay for so long: nothing needs them, but nobody has to hurry either. */
export const GARBAGE_SECONDS = 24 * 3600;
/** A row by path without its row by session is garbage when it is older: an arming does not take so long. */
export const ORPHAN_MS_MIN = 3600_000;

/** API Gateway ends a WebSocket after two hours. */
export const CONNECTION_SECONDS = 2 * 3600;
/** Connections of one session that are pushed to; a client has one, and a few that it has lost. */
export const CONNECTIONS_MAX = 8;
