export type EmulatorErrorCode =
  /** Another program listens on a port that a gateway needs. */
  | 'PortTaken'
  /** The host is no address of this machine, or the port needs privileges. */
  | 'AddressUnusable'
  /** Another emulator that is alive works on the same data directory. */
  | 'DataDirectoryInUse'
  /** The data directory cannot be made or written. */
  | 'DataDirectoryUnusable'
  /** There is no DynamoDB engine for this platform, it did not start, or ended while the emulator was running. */
  | 'EngineFailed'
  /** The DynamoDB endpoint does not answer, or refuses. */
  | 'EndpointFailed'
  /** The bundle of a function is not there. */
  | 'FunctionsMissing'
  /** What the build took from the template is not there, or is not of this version. */
  | 'SettingsMissing'
  /** A gateway did not get ready, or ended again and again. */
  | 'GatewayFailed'
  /** It was stopped before it was ready. */
  | 'Stopped';

/** Why an emulator does not start, or ended. The message is one line and says what to do. */
export class EmulatorError extends Error {
  override readonly name = 'EmulatorError';
  readonly code: EmulatorErrorCode;

  constructor(code: EmulatorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
