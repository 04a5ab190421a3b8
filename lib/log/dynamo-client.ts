import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { DynamoCalls } from './dynamo-calls.js';

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
  const client = new DynamoDBClient(clientConfig(options));
  // What only AWS reads takes a quarter of the time of a call.
  if (isLocal(options)) for (const middleware of FOR_AWS_ALONE) client.middlewareStack.remove(middleware);
  DynamoCalls.learnFrom(client);
  return client;
}

const FOR_AWS_ALONE = ['getUserAgentMiddleware', 'recursionDetectionMiddleware'];

/** What DynamoDB's client and that of its streams have in common. */
type ClientConfig = Pick<
  DynamoDBClientConfig,
  'cacheMiddleware' | 'maxAttempts' | 'requestHandler' | 'endpoint' | 'region' | 'credentials' | 'signer'
>;

/** What {@link createDynamoClient} configures; the client of DynamoDB Streams takes the same. */
export function clientConfig(options: DynamoClientOptions = {}): ClientConfig {
  const agent = { keepAlive: true, maxSockets: options.socketsMax ?? SOCKETS_MAX };
  const local = isLocal(options);
  const region = options.region ?? (local ? 'us-east-1' : undefined);
  return {
    maxAttempts: options.attemptsMax ?? ATTEMPTS_MAX,
    // A command's chain of middleware is put together once, and not for each call.
    cacheMiddleware: true,
    requestHandler: {
      connectionTimeout: options.connectionTimeoutMs ?? CONNECTION_TIMEOUT_MS,
      requestTimeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
    ...(region !== undefined && { region }),
    ...(local && {
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      signer: madeUpSigner(region),
    }),
  };
}

/**
 * Names the made-up credentials, without a signature that nobody would check: computing one takes a third of the time of a call. An
 * emulator does look at the header's form.
 */
function madeUpSigner(region: string | undefined): NonNullable<DynamoDBClientConfig['signer']> {
  const scope = `Credential=local/20000101/${region ?? 'us-east-1'}/dynamodb/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host, Signature=0`;
  return {
    sign: <R extends { headers: Record<string, string> }>(request: R) => {
      Object.assign(request.headers, { authorization, 'x-amz-date': '20000101T000000Z' });
      return Promise.resolve(request);
    },
  };
}

function isLocal({ endpoint }: DynamoClientOptions): boolean {
  return endpoint !== undefined && isLoopback(endpoint);
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
