import type { TableName } from '../log/store.js';

/** What is asked about a deployment's parts, beside the data in its tables. Every call may reject with {@link InspectError}. */
export interface Inspector {
  table(name: TableName): Promise<TableFacts>;
  /** `api`, `materialize` and so on. */
  fn(name: string): Promise<FunctionFacts>;
  /** What wakes a function. */
  sources(name: string): Promise<readonly SourceFacts[]>;
  /** Whether this identity may invoke the function; nothing is run. */
  mayInvoke(nameOrArn: string): Promise<void>;
}

export interface TableFacts {
  /** `ACTIVE` when it can be used. */
  readonly status: string;
  readonly partitionKey: string;
  readonly sortKey: string;
  /** What its stream shows; `undefined` when there is no stream. */
  readonly stream: string | undefined;
  /** The attribute with the time to live; `undefined` when it is off. */
  readonly ttl: string | undefined;
  /** `undefined` when it cannot be asked. */
  readonly pointInTimeRecovery: boolean | undefined;
  readonly deletionProtection: boolean;
}

export interface FunctionFacts {
  /** `Active` when it can be called. */
  readonly state: string;
  /** Why the last change failed, if it did. */
  readonly problem: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** Whether Lambda lets it call itself by way of a queue; `undefined` when it cannot be asked. */
  readonly mayLoop: boolean | undefined;
}

export interface SourceFacts {
  readonly arn: string;
  /** `Enabled` when it delivers. */
  readonly state: string;
  /** What became of the last batch. */
  readonly lastResult: string;
}

export type InspectErrorKind =
  /** This identity may not ask. */
  | 'denied'
  /** There is no such thing. */
  | 'missing'
  /** Nobody answers, or what answers does not know the question. */
  | 'unavailable';

export class InspectError extends Error {
  override readonly name = 'InspectError';
  readonly kind: InspectErrorKind;

  constructor(kind: InspectErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
