import { systemClock } from '../base/clock.js';
import { systemRandom } from '../base/random.js';
import { ErrorCode } from '../core/errors.js';
import { retryPolicy } from './backoff.js';
import { aborted } from './calls.js';
import { ZeroKeeperClient } from './client.js';
import { ClientCore } from './core.js';
import { BadArgumentsError, type AbortedError } from './errors.js';
import {
  CLOSE_TIMEOUT_MS_DEFAULT,
  CONNECT_TIMEOUT_MS_DEFAULT,
  SESSION_TIMEOUT_MS_DEFAULT,
} from './limits.js';
import { resolveOptions } from './deployment/resolve.js';
import type { ClientOptions, DirectOptions, LambdaOptions, StackOptions, TcpOptions } from './options.js';
import { dialer } from './tcp/channel.js';
import { checkChroot, parseConnectString } from './tcp/servers.js';
import type { Transport } from './transport.js';
import { awsInvoke } from './transports/lambda/aws-invoke.js';
import { LambdaTransport, type PushHandlers } from './transports/lambda/lambda-transport.js';
import { INVOKE_TIMEOUT_MS_DEFAULT, POLL_MS_DEFAULT } from './transports/lambda/limits.js';
import { openWebSocket, Push } from './transports/lambda/push.js';
import { isApiGateway, Signer } from './transports/lambda/signing.js';
import { urlInvoke } from './transports/lambda/url-invoke.js';
import type { Invoke } from './transports/lambda/invoke.js';
import { TcpTransport } from './transports/tcp/tcp-transport.js';

/** By the transport: `tcp`, `lambda` or `direct`; or by what a deployment says of itself. */
export type ConnectOptions = TcpOptions | LambdaOptions | DirectOptions | StackOptions;

/**
 * Opens a session and gives its client. Close the client, or declare it with `await using`: a client with a session
 * keeps the process alive.
 *
 * Rejects with ConnectionLossError or UnavailableError when nobody answers within `connectTimeoutMs`, with
 * SessionExpiredError when the session that it is to go on with is over, with AbortedError when `signal` aborts, and with
 * BadArgumentsError when an option is not valid.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 *
 * await using client = await connect({ transport: 'lambda', functionName: 'zerokeeper-api' });
 * await client.create('/greeting', 'hello', { mode: 'ephemeral' });
 * const { data } = await client.get('/greeting');
 * console.log(new TextDecoder().decode(data));
 * ```
 *
 * @example
 * Without a session there is no round trip to connect, and nothing to close:
 * ```ts
 * import { connect } from 'zerokeeper';
 *
 * const client = await connect({ transport: 'lambda', functionName: 'zerokeeper-api', session: false });
 * await client.create('/visits', '1');
 * console.log(await client.exists('/visits'));
 * ```
 *
 * @example
 * To what `cdk deploy --outputs-file outputs.json` has deployed; without any options, to what the environment names:
 * ```ts
 * import { connect } from 'zerokeeper';
 *
 * await using client = await connect({ stackOutputs: 'outputs.json', namespace: 'staging' });
 * console.log(await client.getChildren('/'));
 * ```
 */
export async function connect(options: ConnectOptions = {}): Promise<ZeroKeeperClient> {
  return connectTo(isResolved(options) ? options : await resolveOptions(options, process.env));
}

/** A transport that is named beside where it is to be found needs nothing of the environment. */
function isResolved(options: ConnectOptions): options is TcpOptions | LambdaOptions | DirectOptions {
  if (options.transport === undefined || 'stackOutputs' in options) return false;
  return PLACES.some((place) => (options as Partial<Record<string, unknown>>)[place] !== undefined);
}

/** Options that say by themselves where to connect. */
const PLACES = [
  'servers',
  'functionName',
  'functionUrl',
  'invoke',
  'tablePrefix',
  'store',
  'client',
  'endpoint',
];

/** {@link connect} to what is known by now: nothing is taken from the environment. */
export async function connectTo(
  options: TcpOptions | LambdaOptions | DirectOptions,
): Promise<ZeroKeeperClient> {
  checkTimes(options);
  switch (options.transport) {
    case 'tcp':
      return connectOver(...tcp(options));
    case 'lambda':
      return connectOver(lambda(options), options);
    case 'direct':
      return connectOver(await direct(options), options);
    default: {
      const { transport } = options as { transport: unknown };
      throw badOption(`there is no transport ${JSON.stringify(transport)}`);
    }
  }
}

/** A client over a transport of your own: what `connect` does once it has made the transport. */
export async function connectOver(
  transport: Transport,
  options: ClientOptions = {},
): Promise<ZeroKeeperClient> {
  const core = new ClientCore(transport, { ...options, chroot: checkChroot(options.chroot ?? '') });
  const { signal, connectTimeoutMs = CONNECT_TIMEOUT_MS_DEFAULT } = options;
  const refusal = abortedBy(signal);
  if (refusal !== undefined) throw refusal;
  const timeout = new AbortController();
  const cancel = core.clock.after(connectTimeoutMs, () =>
    timeout.abort(new Error(`not connected in ${connectTimeoutMs} ms`)),
  );
  try {
    await core.start(signal === undefined ? timeout.signal : AbortSignal.any([signal, timeout.signal]));
  } catch (error) {
    throw abortedBy(signal) ?? error;
  } finally {
    cancel();
  }
  return new ZeroKeeperClient(core);
}

function abortedBy(signal: AbortSignal | undefined): AbortedError | undefined {
  return signal?.aborted === true ? aborted(undefined, { signal, maybeApplied: false }) : undefined;
}

function tcp(options: TcpOptions): [TcpTransport, ClientOptions] {
  const { servers } = options;
  const target = parseConnectString(typeof servers === 'string' ? servers : servers.join(','));
  const transport = new TcpTransport({
    servers: target.servers,
    sessionTimeoutMs: options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS_DEFAULT,
    closeTimeoutMs: options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS_DEFAULT,
    session: options.session,
    canBeReadOnly: options.canBeReadOnly,
    auth: options.auth ?? [],
    dial: options.dial ?? dialer(options.tls),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  });
  return [transport, { ...options, chroot: target.chroot + checkChroot(options.chroot ?? '') }];
}

/** Loaded when it is asked for: who uses another transport does not need what it needs. */
async function direct(options: DirectOptions): Promise<Transport> {
  const { createDirectTransport } = await import('./direct/index.js');
  return createDirectTransport({ ...options, retry: retryPolicy(options.retry) });
}

function lambda(options: LambdaOptions): LambdaTransport {
  const signer = signerOf(options);
  const sessionTimeoutMs = options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS_DEFAULT;
  const patienceMs = options.invokeTimeoutMs ?? INVOKE_TIMEOUT_MS_DEFAULT;
  return new LambdaTransport({
    invoke: options.invoke ?? invokeOf(options, signer),
    namespace: options.namespace,
    session: options.session,
    sessionTimeoutMs,
    closeTimeoutMs: options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS_DEFAULT,
    invokeTimeoutMs: options.session === false ? patienceMs : Math.min(patienceMs, sessionTimeoutMs / 2),
    pollMs: options.pollMs ?? POLL_MS_DEFAULT,
    retry: retryPolicy(options.retry),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    push: pushOf(options, signer),
  });
}

function signerOf({ region, credentials, clock = systemClock }: LambdaOptions): Signer {
  return new Signer({ region, credentials, now: () => clock.now() });
}

function invokeOf(options: LambdaOptions, signer: Signer): Invoke {
  const { functionName, functionUrl, region, endpoint, client } = options;
  if (functionName !== undefined) return awsInvoke({ functionName, region, endpoint, client });
  if (functionUrl === undefined) throw badOption('the transport lambda needs functionName or functionUrl');
  if (!URL.canParse(functionUrl)) throw badOption(`functionUrl is no URL: ${functionUrl}`);
  return urlInvoke(functionUrl, signer);
}

/** Each connection is signed anew: a signature is good for a minute, a connection for hours. */
function signedUrl(
  { webSocketUrl, webSocketAuth }: LambdaOptions,
  signer: Signer,
): LambdaOptions['webSocketUrl'] {
  if (typeof webSocketUrl !== 'string') return webSocketUrl;
  if (!URL.canParse(webSocketUrl)) throw badOption(`webSocketUrl is no URL: ${webSocketUrl}`);
  const auth = webSocketAuth ?? (isApiGateway(webSocketUrl) ? 'iam' : 'none');
  return auth === 'iam' ? () => signer.webSocketUrl(webSocketUrl) : webSocketUrl;
}

function pushOf(options: LambdaOptions, signer: Signer): ((handlers: PushHandlers) => Push) | undefined {
  const url = signedUrl(options, signer);
  if (url === undefined) return undefined;
  return ({ onHint, session }) =>
    new Push({
      url,
      open: options.webSocket ?? openWebSocket,
      onHint,
      hello: () => {
        const known = session();
        if (known === undefined) return undefined;
        const password = Buffer.from(known.password, 'hex').toString('base64');
        return { action: 'attach', session: known.id, epoch: known.epoch, password };
      },
      clock: options.clock ?? systemClock,
      random: options.random ?? systemRandom,
      retry: retryPolicy(options.retry),
    });
}

const TIMES = ['sessionTimeoutMs', 'connectTimeoutMs', 'timeoutMs', 'closeTimeoutMs'] as const;

function checkTimes(
  options: ClientOptions & { readonly pollMs?: number; readonly invokeTimeoutMs?: number },
) {
  for (const name of [...TIMES, 'pollMs', 'invokeTimeoutMs'] as const) {
    const value: unknown = options[name];
    if (value !== undefined && !(typeof value === 'number' && value > 0)) {
      throw badOption(`${name} must be a number of ms above 0`);
    }
  }
}

function badOption(message: string): BadArgumentsError {
  return new BadArgumentsError({ code: ErrorCode.BadArguments, message });
}
