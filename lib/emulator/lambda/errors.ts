/** A refusal of Lambda's API, before any function ran: `code` is the name by which the AWS SDK throws it. */
export class LambdaError extends Error {
  override readonly name = 'LambdaError';
  readonly code: LambdaErrorCode;
  /** Further members of the answer's body. */
  readonly details: Readonly<Record<string, string>>;

  constructor(code: LambdaErrorCode, message: string, details: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }

  /** HTTP status. */
  get status(): number {
    return STATUS[this.code];
  }
}

export type LambdaErrorCode = keyof typeof STATUS;

const STATUS = {
  InvalidParameterValueException: 400,
  InvalidRequestContentException: 400,
  ResourceNotFoundException: 404,
  RequestTooLargeException: 413,
  TooManyRequestsException: 429,
  ServiceException: 500,
} as const;
