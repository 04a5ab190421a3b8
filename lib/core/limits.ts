/**
 * Bounds that come from DynamoDB's keys. A partition key has 2048 bytes, and `<namespace>#children#<path>` is the longest
 * that starts a path; a sort key has 1024 bytes, and holds one name.
 */
export const PATH_BYTES_MAX = 1900;
export const NAME_BYTES_MAX = 1024;

/**
 * Of an access control list, as JSON in its znode's record: that is one item of 400 KB at most, with the path and 4 KB of data. A record that
 * could not be written would keep the log from being materialized for good.
 */
export const ACL_BYTES_MAX = 350 * 1024;

/** What a sequential node's suffix adds at most: ten digits, and a sign once the counter has overflowed. */
export const SEQUENCE_SUFFIX_BYTES_MAX = 11;

/** The longest time that a TTL znode can have, ms: 40 bits, as in ZooKeeper. */
export const TTL_MS_MAX = 2 ** 40 - 1;

/** Znodes that are counted when a quota is set on their root. Beyond, setting it is refused with ThrottledOp. */
export const QUOTA_USAGE_ZNODES_MAX = 100_000;
