/**
 * Bounds that come from DynamoDB's keys. A partition key has 2048 bytes, and `<namespace>#children#<path>` is the longest
 * that starts a path; a sort key has 1024 bytes, and holds one name.
 */
export const PATH_BYTES_MAX = 1900;
export const NAME_BYTES_MAX = 1024;

/** What a sequential node's suffix adds at most: ten digits, and a sign once the counter has overflowed. */
export const SEQUENCE_SUFFIX_BYTES_MAX = 11;
