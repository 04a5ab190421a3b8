export type ZeroKeeperConstructErrorCode =
  /** The functions' bundles are missing: `npm run build` makes them. */
  | 'BundleMissing'
  /** There is no image of a gateway, and nothing to build one of. */
  | 'ImageMissing'
  /** A property that could not be deployed. */
  | 'InvalidProps'
  /** A namespace or function URL that this deployment does not have. */
  | 'NotDeployed';

/** Thrown while a stack is synthesized, before anything is deployed. */
export class ZeroKeeperConstructError extends Error {
  override readonly name = 'ZeroKeeperConstructError';
  readonly code: ZeroKeeperConstructErrorCode;

  constructor(code: ZeroKeeperConstructErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
