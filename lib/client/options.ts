import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { Acl } from '../core/types.js';
import type { RetryOptions } from './backoff.js';
import type { StackOutputs } from './deployment/outputs.js';
import type { DirectTransportOptions } from './direct/options.js';
import type { Dial, TlsOptions } from './tcp/channel.js';
import type { Consistency } from './transport.js';
import type { Invoke, LambdaClientLike } from './transports/lambda/invoke.js';
import type { WebSocketFactory } from './transports/lambda/push.js';
import type { AwsCredentials } from './transports/lambda/signing.js';

/** What it takes to go on with a session in another process: `client.session` of the one before. */
export interface SessionReference {
  /** Hex. */
  readonly id: string;
  /** Hex. Whoever knows it owns the session: keep it secret. */
  readonly password: string;
  /** From `client.session`; 0 over tcp. */
  readonly epoch?: number;
}

/** What every transport understands. Times are in ms. */
export interface ClientOptions {
  /** The session's timeout, as asked for; the server may decide otherwise. Default 30 000. */
  readonly sessionTimeoutMs?: number;
  /** How long connect() tries. Default 10 000. */
  readonly connectTimeoutMs?: number;
  /** How long a call may take that says nothing itself. Default 30 000. */
  readonly timeoutMs?: number;
  /** How long close() takes at most. Default 2000. */
  readonly closeTimeoutMs?: number;
  /** A path that all paths are below. It has to exist. */
  readonly chroot?: string;
  /** For creates that name none. Default: open to everybody. */
  readonly acl?: readonly Acl[];
  /** For reads that say nothing. Default `linearizable`; over tcp `session`, as ZooKeeper does. */
  readonly consistency?: Consistency;
  readonly retry?: RetryOptions;
  /** Aborts connect(). What comes later has signals of its own. */
  readonly signal?: AbortSignal;
  /** Time, for tests. */
  readonly clock?: Clock;
  /** Chance, for tests. */
  readonly random?: Random;
}

/** ZooKeeper's own protocol: to ZeroKeeper's gateways, or to a real ZooKeeper. */
export interface TcpOptions extends ClientOptions {
  readonly transport: 'tcp';
  /** `host:port` each, or ZooKeeper's connect string. */
  readonly servers: string | readonly string[];
  /** A session to go on with. */
  readonly session?: SessionReference;
  /**
   * Whether a server that only reads will do while none that writes can be reached, as with ZooKeeper's clients. The client is `readOnly`
   * then, instead of `connected`: it has no session, reads show a state that may be old, writes and `sync` (so linearizable reads, too) reject with
   * NotReadOnlyError. It goes to a server that writes as soon as there is one. A session that is open already is never taken up by a
   * server that only reads. Default false.
   */
  readonly canBeReadOnly?: boolean;
  /** Credentials, presented on every connection. A refusal ends the session. */
  readonly auth?: readonly { readonly scheme: string; readonly auth: Uint8Array | string }[];
  /** Encrypts the connection. */
  readonly tls?: TlsOptions;
  /** Replaces TCP and TLS, for proxies and tests. */
  readonly dial?: Dial;
}

/** The function `api` on Lambda, by Invoke or by its URL: one of `functionName`, `functionUrl` and `invoke` is needed. */
export interface LambdaOptions extends ClientOptions {
  readonly transport: 'lambda';
  /** Name, ARN or alias of the function `api`. */
  readonly functionName?: string;
  /**
   * The URL of the function instead, with IAM authorization: requests are signed, so the function learns who the caller is, and access
   * control lists bind it by `iam:` ids.
   */
  readonly functionUrl?: string;
  /** Where the function serves more than one. */
  readonly namespace?: string;
  readonly region?: string;
  /** Another Lambda than AWS's, such as the emulator's. */
  readonly endpoint?: string;
  /** A `LambdaClient` of your own. Give it `maxAttempts: 1`: writes without a session must not be sent twice. */
  readonly client?: LambdaClientLike;
  /** Carries requests by other means than the AWS SDK, which is then not loaded. */
  readonly invoke?: Invoke;
  /**
   * A session to go on with; or false for none: no ephemerals and no watches, connect() without a round trip, and
   * writes that are not exactly once (an ambiguous end is `maybeApplied` and not retried).
   */
  readonly session?: SessionReference | false;
  /** How often events are asked for while watches are armed and no WebSocket is open. Default 1000. */
  readonly pollMs?: number;
  /** How long one Invoke may take before it is sent again. Default 10 000, at most half of the session's timeout. */
  readonly invokeTimeoutMs?: number;
  /**
   * Where events are announced, so that they need not be polled for. A function is called for every connection, and what it returns
   * is used as it is.
   */
  readonly webSocketUrl?: string | (() => string | Promise<string>);
  /** Whether the `webSocketUrl` is signed for each connection. Default: `iam` for a host of API Gateway, `none` for others. */
  readonly webSocketAuth?: 'iam' | 'none';
  /** Signs requests to a function URL and the WebSocket's. Default: what the AWS SDK finds. */
  readonly credentials?: AwsCredentials | (() => Promise<AwsCredentials>);
  /** Replaces the global WebSocket, or the package `ws`. */
  readonly webSocket?: WebSocketFactory;
}

/** A keeper in this process, on the tables themselves: one round trip a write. */
export interface DirectOptions
  extends
    ClientOptions,
    Omit<
      DirectTransportOptions,
      'sessionTimeoutMs' | 'closeTimeoutMs' | 'retry' | 'clock' | 'random' | 'consistency'
    > {
  readonly transport: 'direct';
}

/**
 * Where to connect is taken from a stack's outputs, or from the environment: `ZEROKEEPER_STACK_OUTPUTS` (a path),
 * `ZEROKEEPER_STACK`, `ZEROKEEPER_TRANSPORT`, `ZEROKEEPER_NAMESPACE`, `ZEROKEEPER_REGION`, `ZEROKEEPER_FUNCTION_NAME`,
 * `ZEROKEEPER_FUNCTION_URL`, `ZEROKEEPER_WEBSOCKET_URL`, `ZEROKEEPER_TABLE_PREFIX`, `ZEROKEEPER_SERVER`. What is said here goes before
 * the environment, and that before the outputs. The options of the transport that it comes to may be given besides.
 */
export interface StackOptions
  extends
    ClientOptions,
    Partial<Omit<LambdaOptions, 'transport' | 'client' | keyof ClientOptions>>,
    Partial<Pick<TcpOptions, 'servers' | 'auth' | 'tls'>>,
    Pick<DirectTransportOptions, 'authIds' | 'reap' | 'viewLimits'> {
  /** Default: `lambda` where there is a function, else `tcp` where there is a server, else `direct`. */
  readonly transport?: 'lambda' | 'direct' | 'tcp';
  /** As CloudFormation or `cdk deploy --outputs-file` gives them, or the path of a JSON file with them. */
  readonly stackOutputs?: StackOutputs | string;
  /** Which stack, where the outputs are of more than one. */
  readonly stack?: string;
  /** Default: the stack's first. */
  readonly namespace?: string;
}
