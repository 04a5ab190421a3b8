import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';

/** Bounds of a client's calls. A caller settles what is in doubt itself, so few and short attempts are enough. */
export const CONNECTION_TIMEOUT_MS = 1000;
export const REQUEST_TIMEOUT_MS = 3000;
export const ATTEMPTS_MAX = 2;
export const SOCKETS_MAX = 128;

export interface DynamoClientOptions {
  /** URL of a DynamoDB other than AWS's own. */
  readonly endpoint?: string;
  /** By default what the environment says; for an endpoint on this machine `us-east-1`. */
  readonly region?: string;
  readonly connectionTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  /** Attempts of one call, the first included. */
  readonly attemptsMax?: number;
  readonly socketsMax?: number;
}

/**
 * A DynamoDB client with short time-outs, connections that are kept, and bounded retries. Its default credentials are the
 * environment's; an endpoint on this machine gets made-up ones, which an emulator does not look at.
 */
export function createDynamoClient(options: DynamoClientOptions = {}): DynamoDBClient {
  return new DynamoDBClient(clientConfig(options));
}

/** What {@link createDynamoClient} configures; the client of DynamoDB Streams takes the same. */
export function clientConfig(options: DynamoClientOptions = {}) {
  const agent = { keepAlive: true, maxSockets: options.socketsMax ?? SOCKETS_MAX };
  const local = options.endpoint !== undefined && isLoopback(options.endpoint);
  const region = options.region ?? (local ? 'us-east-1' : undefined);
  return {
    maxAttempts: options.attemptsMax ?? ATTEMPTS_MAX,
    requestHandler: {
      connectionTimeout: options.connectionTimeoutMs ?? CONNECTION_TIMEOUT_MS,
      requestTimeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
    ...(region !== undefined && { region }),
    ...(local && { credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }),
  } satisfies DynamoDBClientConfig;
}

function isLoopback(endpoint: string): boolean {
  const { hostname } = new URL(endpoint);
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}

/**
 * Turns off the SDK's notice about old Node versions, by the variable that the SDK documents for it, and nothing else.
 * For processes of our own, before the first client is made; a program that embeds the SDK decides for itself.
 */
export function silenceNodeVersionNotice(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}
