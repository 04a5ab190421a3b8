import { StoreError } from './store.js';

/** Refused before anything happened; later it may not be. */
export const NOT_NOW_NAMES: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'ThrottledException',
  'RequestLimitExceeded',
  'TooManyRequestsException',
  // A table of several Regions: another Region is writing the item. Who wins, the next attempt at the same slot finds out.
  'ReplicatedWriteConflictException',
]);

/** What the SDK's errors carry beside name and message, as far as it is of use here. */
export interface SdkError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
}

/**
 * What an error of the SDK means for the caller. Errors that only a bug can cause come back as they are.
 *
 * An attempt before the last may have reached the table, so a throttled second attempt does not prove that nothing has
 * happened: that is `Unavailable`.
 */
export function storeErrorOf(error: unknown, subject: string): Error {
  if (!(error instanceof Error))
    return new Error(`${subject}: something that is no error was thrown`, { cause: error });
  if (error instanceof StoreError || error instanceof TypeError || error instanceof RangeError) return error;
  const { name, message, $metadata } = error as SdkError;
  const text = `${subject}: ${name}: ${message}`;
  if (NOT_NOW_NAMES.has(name)) {
    return new StoreError(($metadata?.attempts ?? 1) > 1 ? 'Unavailable' : 'Throttled', text, {
      cause: error,
    });
  }
  if (name === 'CredentialsProviderError') {
    return new StoreError('Rejected', `${subject}: no AWS credentials: ${message}`, { cause: error });
  }
  const status = $metadata?.httpStatusCode;
  if (status === undefined || status >= 500 || status < 400) {
    return new StoreError('Unavailable', text, { cause: error });
  }
  const advice =
    name === 'ResourceNotFoundException' ? ' (the table does not exist in this region and account)' : '';
  return new StoreError('Rejected', text + advice, { cause: error });
}
