import { type Clock, systemClock } from '../../base/clock.js';
import { jsonLogger, type Logger } from '../../base/logger.js';
import { systemRandom } from '../../base/random.js';
import type { DirectOptions, LambdaOptions, TcpOptions } from '../../client/options.js';
import type { AuthSettings } from '../../gateway/auth.js';
import { localSettings } from '../../gateway/config/settings.js';
import { openGateway, type RunningGateway } from '../../gateway/open.js';
import { checkName, NamespaceError } from '../../keeper/registry.js';
import { SimulatedStore } from '../../log/simulated-store.js';
import { FUNCTION_NAMES } from '../deployment.js';
import { HttpEndpoint } from '../http-endpoint.js';
import { LambdaService } from '../lambda/service.js';
import { WebSocketApi } from '../websocket/api.js';
import { ElasticClock } from './elastic-clock.js';
import { MemoryFunctions } from './functions.js';
import { localLambdaClient } from './lambda-client.js';

/** Another gateway's writes show at most this late, ms. */
const FOLLOW_IDLE_MS = 100;

const HOST = '127.0.0.1';

/** Gateways of one emulator at most. */
export const MEMORY_GATEWAYS_MAX = 8;

export interface MemoryEmulatorOptions {
  /** The tree. Default `default`. */
  readonly namespace?: string;
  /** Further trees on the same tables and functions, for `lambda` and `direct`: gateways serve {@link namespace} alone. Default none. */
  readonly otherNamespaces?: readonly string[];
  /** Default 1. */
  readonly gateways?: number;
  /** Whether hard quotas refuse what exceeds them, as with gateways and functions of that setting. Default false. */
  readonly enforceQuota?: boolean;
  /** Whom the gateways know besides those whom `digest` and `ip` prove. Default nobody. */
  readonly auth?: AuthSettings;
  /** Where problems of the emulator itself are told. Default: as JSON on stderr, from `warn` on. */
  readonly logger?: Logger;
}

/** Options for the client's `connect`, to be spread and added to. */
export interface ConnectOptionsOf {
  readonly tcp: TcpOptions & { readonly clock: Clock };
  readonly lambda: LambdaOptions & { readonly clock: Clock };
  readonly direct: DirectOptions & { readonly clock: Clock };
}

/** A whole ZeroKeeper in this process. */
export interface MemoryEmulator extends AsyncDisposable {
  readonly namespace: string;
  /** The time of everything in it: the machine's, and what {@link advanceTime} added. */
  readonly clock: Clock;
  readonly endpoints: {
    /** HOST:PORT of each gateway, for any client of ZooKeeper. */
    readonly tcp: readonly string[];
    /** Of Lambda's API; the function is {@link functionName}. */
    readonly lambda: string;
    readonly webSocket: string;
  };
  readonly functionName: string;

  /**
   * What `connect` takes for this emulator. The client gets the emulator's clock, so that it stays alive while time is moved on.
   * Another namespace's clients invoke the alias of its name. Throws `RangeError` for a namespace that there is not, or not over `tcp`.
   *
   * @example
   * await using emulator = await startEmulator();
   * await using client = await connect(emulator.connectOptions('lambda'));
   */
  connectOptions<Kind extends keyof ConnectOptionsOf>(
    transport: Kind,
    namespace?: string,
  ): ConnectOptionsOf[Kind];

  /**
   * Moves the emulator's time on and resolves when what fell due on the way has been done: sessions without a sign of life have
   * expired, with their ephemerals, and watches have fired. Clients of {@link connectOptions} send their signs of life meanwhile; those
   * that have a clock of their own (kazoo, the AWS SDK) do not, and lose their sessions as they would in a long pause.
   */
  advanceTime(byMs: number): Promise<void>;

  /** Resolves when nothing of it is left. Clients are cut off. */
  stop(): Promise<void>;
}

/**
 * Starts one. The state machine, the keepers, gateways, functions and protocols are those of production; what is different: DynamoDB is
 * simulated in memory, the functions run in this thread without isolation, cold starts and limits, and SQS and streams deliver at
 * once. For the real engine and the deployed bundles, run `zerokeeper start`.
 *
 * Throws `RangeError` for options that cannot be.
 */
export async function startEmulator(options: MemoryEmulatorOptions = {}): Promise<MemoryEmulator> {
  const { namespace = 'default', otherNamespaces = [], gateways = 1 } = options;
  if (!/^[A-Za-z0-9_.-]{1,64}$/.test(namespace)) {
    throw new RangeError('namespace has to be 1 to 64 letters, digits, dots, dashes or underscores');
  }
  otherNamespaces.forEach(assertNamespaceName);
  if (!Number.isInteger(gateways) || gateways < 1 || gateways > MEMORY_GATEWAYS_MAX) {
    throw new RangeError(
      `gateways has to be an integer from 1 to ${MEMORY_GATEWAYS_MAX}, but is ${gateways}`,
    );
  }
  const { logger = stderrLogger(), enforceQuota = false, auth = {} } = options;
  const emulator = new Memory({ namespace, otherNamespaces, logger, enforceQuota, auth });
  try {
    await emulator.start(gateways);
    return emulator;
  } catch (error) {
    await emulator.stop();
    throw error;
  }
}

class Memory implements MemoryEmulator {
  readonly namespace: string;
  readonly clock = new ElasticClock(systemClock);
  readonly functionName = FUNCTION_NAMES.api;
  readonly #store = new SimulatedStore({ clock: this.clock, random: systemRandom });
  /** Its own is the first. */
  readonly #namespaces: readonly string[];
  readonly #logger: Logger;
  readonly #enforceQuota: boolean;
  readonly #auth: AuthSettings;
  readonly #functions: MemoryFunctions;
  readonly #lambda: LambdaService;
  readonly #webSocket: WebSocketApi;
  readonly #http: HttpEndpoint;
  readonly #gateways: RunningGateway[] = [];
  #stopping: Promise<void> | undefined;

  constructor(options: Required<Omit<MemoryEmulatorOptions, 'gateways'>>) {
    const { namespace, otherNamespaces, logger, enforceQuota, auth } = options;
    this.namespace = namespace;
    this.#namespaces = [...new Set([namespace, ...otherNamespaces])];
    this.#logger = logger;
    this.#enforceQuota = enforceQuota;
    this.#auth = auth;
    const shared = { clock: this.clock, random: systemRandom, logger };
    this.#functions = new MemoryFunctions({
      ...{ ...shared, store: this.#store, namespaces: this.#namespaces, enforceQuota },
      pusherOf: (stage) => ({
        push: (connectionId, message) => this.#push({ stage, connectionId }, JSON.stringify(message)),
      }),
    });
    const functions = this.#functions.definitions;
    this.#lambda = new LambdaService({ ...shared, functions, aliases: this.#namespaces });
    const call = this.#lambda.call.bind(this.#lambda, FUNCTION_NAMES.connect);
    this.#webSocket = new WebSocketApi({ ...shared, stages: this.#namespaces, call });
    this.#http = new HttpEndpoint({ lambda: this.#lambda, webSocket: this.#webSocket, logger });
  }

  async start(gateways: number): Promise<void> {
    this.#functions.start();
    await this.#http.listen({ host: HOST, port: 0 });
    for (let index = 0; index < gateways; index++) this.#gateways.push(await this.#openGateway());
  }

  get endpoints() {
    return {
      tcp: this.#gateways.map(({ port }) => `${HOST}:${port}`),
      lambda: this.#http.url,
      webSocket: `${this.#http.webSocketUrl}/${this.namespace}`,
    };
  }

  connectOptions<Kind extends keyof ConnectOptionsOf>(
    transport: Kind,
    namespace = this.namespace,
  ): ConnectOptionsOf[Kind] {
    const { clock, functionName } = this;
    const isOwn = namespace === this.namespace;
    if (!this.#namespaces.includes(namespace) || (transport === 'tcp' && !isOwn)) {
      throw new RangeError(`the namespace ${namespace} is not served over ${transport}`);
    }
    const { tcp, lambda } = this.endpoints;
    const options: ConnectOptionsOf = {
      tcp: { transport: 'tcp', servers: tcp, clock },
      lambda: {
        transport: 'lambda',
        functionName: isOwn ? functionName : `${functionName}:${namespace}`,
        client: localLambdaClient(lambda),
        webSocketUrl: `${this.#http.webSocketUrl}/${namespace}`,
        clock,
      },
      direct: { transport: 'direct', store: this.#store, namespace, clock, enforceQuota: this.#enforceQuota },
    };
    return options[transport];
  }

  async advanceTime(byMs: number): Promise<void> {
    if (!Number.isFinite(byMs) || byMs < 0) {
      throw new RangeError(`time only goes on: ${byMs} is no number of ms from 0`);
    }
    await this.clock.advance(byMs);
    await this.#functions.idle();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.#webSocket.stop();
    await this.#http.stop();
    await Promise.all(this.#gateways.map((gateway) => gateway.stop()));
    await this.#lambda.stop();
    await this.#functions.stop();
  }

  #openGateway(): Promise<RunningGateway> {
    return openGateway({
      ...{ store: this.#store, clock: this.clock, random: systemRandom, logger: this.#logger },
      isClockTrusted: () => true,
      ...{ namespace: this.namespace, followIdleMs: FOLLOW_IDLE_MS },
      settings: {
        ...localSettings({ host: HOST, port: 0 }),
        auth: this.#auth,
        enforceQuota: this.#enforceQuota,
      },
    });
  }

  /** A stage's management calls find its own connections alone. */
  async #push(
    { stage, connectionId }: { stage: string; connectionId: string },
    text: string,
  ): Promise<'sent' | 'gone'> {
    const connection = this.#webSocket.get(connectionId);
    if (connection?.info.stage !== stage) return 'gone';
    try {
      await connection.send(text);
      return 'sent';
    } catch (error) {
      this.#logger.debug('a push did not arrive', { connectionId, error });
      return 'gone';
    }
  }
}

/** The name is an alias of the functions as well. */
function assertNamespaceName(name: string): void {
  try {
    checkName(name);
  } catch (error) {
    if (!(error instanceof NamespaceError)) throw error;
    throw new RangeError(error.message, { cause: error });
  }
}

function stderrLogger(): Logger {
  const write = (line: string) => void process.stderr.write(line);
  return jsonLogger({ level: 'warn', now: () => systemClock.now(), write });
}
