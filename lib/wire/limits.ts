/** ZooKeeper's default jute.maxbuffer: the longest frame that a server takes, in bytes without the length prefix. */
export const FRAME_BYTES_MAX = 0xfffff;

/**
 * The longest frame that our own client takes from a server. Larger than what a server takes, because the listing of
 * a directory with many children may be answered in one frame.
 */
export const REPLY_BYTES_MAX = 64 * 1024 * 1024;

/** Bytes of a session's password. */
export const PASSWORD_BYTES = 16;
