/**
 * Bytes that are not what the protocol's grammar says. ZooKeeper's answer to them is MarshallingError, or hanging up
 * when the stream itself can no longer be trusted.
 */
export class WireError extends Error {
  override readonly name = 'WireError';
  /** ZooKeeper's MarshallingError. */
  readonly code = -5;
}
