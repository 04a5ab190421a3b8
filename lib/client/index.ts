/**
 * The client of ZeroKeeper: one client, three ways to carry its operations. Everything that an application needs is
 * exported here.
 *
 * @module
 */
export { connect, connectOver, type ConnectOptions } from './connect.js';
export type * from './options.js';
export {
  ZeroKeeperClient,
  type ChildrenResult,
  type CreateOptions,
  type DataResult,
  type JsonReadOptions,
  type JsonResult,
  type ReadOptions,
  type VersionOptions,
  type WatchOptions,
} from './client.js';
export type { CallOptions } from './calls.js';
export type { CloudFormationOutput, StackOutputs } from './deployment/outputs.js';
export {
  openNamespaces,
  NamespaceError,
  type NamespaceErrorCode,
  type NamespaceLimits,
  type NamespaceRecord,
  type NamespaceUsage,
  type Counters,
  type Namespaces,
  type NamespacesOptions,
} from './namespaces.js';
export type { ChangesOptions } from './changes.js';
export type { RetryOptions } from './backoff.js';
export type { ClientEventName, ClientEvents, ClientListener } from './emitter.js';
export type { JsonSchema } from './json.js';
export type { Data, MultiInput, MultiResult, MultiResults } from './multi.js';
export { Watch, type WatchEvent, type WatchListener, type WatchType } from './watch.js';
export { SessionLease } from './session-lease.js';
export type * from './transport.js';
export * from './errors.js';
export { ErrorCode } from '../core/errors.js';
export { digestOf } from '../core/acl.js';
export {
  OPEN_ACL,
  Perms,
  type Acl,
  type AuthId,
  type CreateMode,
  type SessionId,
  type Stat,
  type Zxid,
} from '../core/types.js';
export type { Instant } from '../base/instant.js';
export { systemClock, type CancelTimer, type Clock } from '../base/clock.js';
export { systemRandom, type Random } from '../base/random.js';
export type { Invoke, InvokeAnswer, LambdaClientLike } from './transports/lambda/invoke.js';
export type { WebSocketFactory, WebSocketLike } from './transports/lambda/push.js';
export type { AwsCredentials } from './transports/lambda/signing.js';
export type { Dial, TlsOptions } from './tcp/channel.js';
export type { ServerAddress } from './tcp/servers.js';
