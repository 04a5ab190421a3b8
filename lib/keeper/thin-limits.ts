/** Every bound of thin sessions, by name. Units are the last word of the name. */

/** Session timeouts that thin clients may have; what they ask for beyond is brought within. */
export const THIN_TIMEOUT_SHORTEST_MS = 4_000;
export const THIN_TIMEOUT_LONGEST_MS = 3600_000;
/**
 * A request renews the session's lease when less than this part of the timeout is left, and what clocks may differ by: for that
 * part of its timeout a client takes its session for alive, whoever else looks at the lease. At the shortest timeout the two
 * together are all of it.
 */
export const THIN_RENEW_FRACTION = 2 / 3;
/** Leases whose deadline an instance remembers. */
export const THIN_LEASES_REMEMBERED_MAX = 10_000;
/** Attempts to write a lease row while lapsed ones are in its place. */
export const THIN_LEASE_ATTEMPTS_MAX = 5;
/** What SQS delays a message at most. A timer for later is set again when it fires. */
export const TIMER_DELAY_MS_MAX = 15 * 60_000;
/** A chain of timers whose next message is later than this has come to its end: another may begin. */
export const TIMER_OVERDUE_MS = 60_000;
/** A session is not opened any more by a request that has been worked on for longer: tombstones of sessions live for a day. */
export const THIN_OPEN_MS_MAX = 3600_000;
