/** One row of ZooKeeper's error table. */
export interface ErrorDefinition {
  readonly name: string;
  /** As on the wire. */
  readonly code: number;
  /** Whether the same request may succeed when it is sent again, without anything in it being changed. */
  readonly retriable: boolean;
  readonly message: string;
}

/** ZooKeeper's error codes by name. */
export const ErrorCode = {
  Ok: 0,
  SystemError: -1,
  RuntimeInconsistency: -2,
  DataInconsistency: -3,
  ConnectionLoss: -4,
  MarshallingError: -5,
  Unimplemented: -6,
  OperationTimeout: -7,
  BadArguments: -8,
  UnknownSession: -12,
  NewConfigNoQuorum: -13,
  ReconfigInProgress: -14,
  APIError: -100,
  NoNode: -101,
  NoAuth: -102,
  BadVersion: -103,
  NoChildrenForEphemerals: -108,
  NodeExists: -110,
  NotEmpty: -111,
  SessionExpired: -112,
  InvalidCallback: -113,
  InvalidACL: -114,
  AuthFailed: -115,
  SessionMoved: -118,
  NotReadOnly: -119,
  EphemeralOnLocalSession: -120,
  NoWatcher: -121,
  RequestTimeout: -122,
  ReconfigDisabled: -123,
  SessionClosedRequireSaslAuth: -124,
  QuotaExceeded: -125,
  ThrottledOp: -127,
} as const;

export type ErrorName = keyof typeof ErrorCode;

const RETRIABLE: ReadonlySet<ErrorName> = new Set<ErrorName>([
  'ConnectionLoss',
  'OperationTimeout',
  'RequestTimeout',
  'NewConfigNoQuorum',
  'ReconfigInProgress',
  'ThrottledOp',
]);

const MESSAGES: Readonly<Record<ErrorName, string>> = {
  Ok: 'no error',
  SystemError: 'the server could not carry the request out',
  RuntimeInconsistency: 'not tried, because an earlier operation of the multi failed',
  DataInconsistency: 'the stored data contradicts itself',
  ConnectionLoss: 'the connection was lost; the request may have been carried out',
  MarshallingError: 'the request could not be read',
  Unimplemented: 'the server does not know this operation',
  OperationTimeout: 'the operation took too long',
  BadArguments: 'an argument of the request is not valid',
  UnknownSession: 'the server does not know this session',
  NewConfigNoQuorum: 'no quorum of the new configuration is connected',
  ReconfigInProgress: 'another reconfiguration is under way',
  APIError: 'the request was refused',
  NoNode: 'there is no such znode',
  NoAuth: 'the access control list does not allow this',
  BadVersion: 'the znode has another version',
  NoChildrenForEphemerals: 'an ephemeral znode cannot have children',
  NodeExists: 'the znode exists already',
  NotEmpty: 'the znode has children',
  SessionExpired: 'the session has expired or was closed',
  InvalidCallback: 'the callback is not valid',
  InvalidACL: 'the access control list is not valid',
  AuthFailed: 'the authentication failed',
  SessionMoved: 'the session has moved to another server',
  NotReadOnly: 'the server is read-only',
  EphemeralOnLocalSession: 'a local session cannot own ephemeral znodes',
  NoWatcher: 'there is no such watch',
  RequestTimeout: 'the request was not completed in time',
  ReconfigDisabled: 'reconfiguration is switched off',
  SessionClosedRequireSaslAuth: 'the session was closed, because the server demands SASL authentication',
  QuotaExceeded: 'the quota would be exceeded',
  ThrottledOp: 'the server has too many requests at the moment',
};

/** Every error that ZooKeeper 3.9 knows. */
export const ERRORS: readonly ErrorDefinition[] = (Object.keys(ErrorCode) as ErrorName[]).map((name) => ({
  name,
  code: ErrorCode[name],
  retriable: RETRIABLE.has(name),
  message: MESSAGES[name],
}));

const BY_CODE: ReadonlyMap<number, ErrorDefinition> = new Map(ERRORS.map((error) => [error.code, error]));

/** The table's row for a code, or `undefined` for a code that ZooKeeper does not have. */
export function errorOf(code: number): ErrorDefinition | undefined {
  return BY_CODE.get(code);
}

/** `NoNode` for −101 and so on; `Unknown(<code>)` for a code that ZooKeeper does not have. */
export function errorName(code: number): string {
  return BY_CODE.get(code)?.name ?? `Unknown(${code})`;
}
