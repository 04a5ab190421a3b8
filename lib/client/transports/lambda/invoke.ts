import { UnavailableError, UnsupportedError } from '../../errors.js';
import { ErrorCode } from '../../../core/errors.js';

/** Carries one request to the function and its answer back. */
export type Invoke = (
  payload: Uint8Array,
  options: { readonly signal: AbortSignal },
) => Promise<InvokeAnswer>;

export interface InvokeAnswer {
  /** JSON in UTF-8. */
  readonly payload: Uint8Array;
  /** Lambda's FunctionError: the function threw, ran out of time or of memory. */
  readonly functionError?: string | undefined;
}

/** What is used of the AWS SDK's `LambdaClient`. */
export interface LambdaClientLike {
  send(command: never, options: { readonly abortSignal: AbortSignal }): Promise<unknown>;
}

/** How a request that was not answered failed. */
export class InvokeFailure extends Error {
  override readonly name = 'InvokeFailure';
  /** Whether sending it again may help. */
  readonly retriable: boolean;
  /** Whether the function may have run, or may still. */
  readonly ambiguous: boolean;

  constructor(cause: unknown, how: { readonly retriable: boolean; readonly ambiguous: boolean }) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.retriable = how.retriable;
    this.ambiguous = how.ambiguous;
  }
}

/** Lambda refused before the function ran; later it may not. */
const THROTTLED: ReadonlySet<string> = new Set([
  'TooManyRequestsException',
  'ThrottlingException',
  'EC2ThrottledException',
  'ENILimitReachedException',
  'ResourceNotReadyException',
  'ResourceConflictException',
  'CodeArtifactUserPendingException',
]);
const STATUS_TOO_MANY_REQUESTS = 429;

/** What an error of `invoke` says about the request. Everything that is not known for certain is ambiguous. */
export function classify(error: unknown): InvokeFailure {
  if (error instanceof InvokeFailure) return error;
  const { name, $metadata: metadata } = (error ?? {}) as {
    name?: string;
    $metadata?: { httpStatusCode?: number };
  };
  const status = metadata?.httpStatusCode;
  if (THROTTLED.has(name ?? '') || status === STATUS_TOO_MANY_REQUESTS) {
    return new InvokeFailure(error, { retriable: true, ambiguous: false });
  }
  if (status !== undefined && status >= 400 && status < 500) {
    return new InvokeFailure(error, { retriable: false, ambiguous: false });
  }
  const isMissing = name === 'CredentialsProviderError' || error instanceof UnsupportedError;
  return new InvokeFailure(error, { retriable: !isMissing, ambiguous: !isMissing });
}

/** The error that the application gets to see. */
export function unavailable(failure: InvokeFailure, maybeApplied: boolean): UnavailableError {
  const message = `the function could not be invoked: ${failure.message}`;
  return new UnavailableError({
    code: 0,
    message,
    maybeApplied,
    retriable: failure.retriable,
    cause: failure.cause,
  });
}

export function missingPackage(name: string, cause: unknown): UnsupportedError {
  const message = `the package ${name} is not installed`;
  return new UnsupportedError({ code: ErrorCode.Unimplemented, message, cause });
}
