import { type Clock, sleep } from '../base/clock.js';
import type { Logger, LogLevel } from '../base/logger.js';
import type { Random } from '../base/random.js';
import { localSettings, type GatewaySettings } from '../gateway/config/settings.js';
import { FOLLOW_IDLE_MS } from '../keeper/limits.js';
import { Cloud } from './cloud.js';
import { DataDirectory } from './data-directory.js';
import { type Engine, startEngine } from './engine.js';
import { EmulatorError } from './errors.js';
import { GatewayChild } from './gateway-child.js';
import type { GatewayConfig } from './gateway-messages.js';
import { assertFree } from './ports.js';
import { identify, killNow } from './process-identity.js';

/** Where the tables are. */
export type TablesAt =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'memory' }
  /** A DynamoDB that runs already, of any make. */
  | { readonly kind: 'endpoint'; readonly url: string };

export interface EmulatorOptions {
  readonly tables: TablesAt;
  readonly host: string;
  /** Of the first gateway; the others take those that follow. 0 takes free ones. */
  readonly port: number;
  readonly gateways: number;
  /** Where Lambda's API and the WebSocket API listen. Default: `host`. */
  readonly lambdaHost?: string;
  /** Of Lambda's API and the WebSocket API; 0 takes a free one. Default: 9001, or a free one when that is taken. */
  readonly lambdaPort?: number;
  /** What the gateway serves besides, if there is one alone. Default: nothing, and all four-letter words. */
  readonly gatewaySettings?: GatewaySettings;
  readonly namespace: string;
  readonly tablePrefix: string;
  readonly logLevel: LogLevel;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** An engine that was told to end and has not by then is killed. */
const ENGINE_STOP_MS_MAX = 400;

/** Functions that are under way when the emulator stops get this long; their work is idempotent and found again. */
const FUNCTIONS_STOP_MS_MAX = 400;

/** How rarely a gateway looks for other writers when it is the only gateway: then only the functions write beside it. */
const FOLLOW_IDLE_ALONE_MS = 1_000;

/** A gateway that stops waits this long for requests under way; it is killed soon after. */
const DRAIN_MS_MAX = 500;

/** A start that is stopped gets this long to come to the next point where it looks. */
const START_STOP_MS_MAX = 1_000;

/** Everything on this machine: engine, tables, functions and gateways. */
export class Emulator {
  readonly #options: EmulatorOptions;
  readonly #children: GatewayChild[] = [];
  readonly #fail: (error: EmulatorError) => void;
  #directory: DataDirectory | undefined;
  #engine: Engine | undefined;
  #cloud: Cloud | undefined;
  #starting: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #ports: readonly number[] = [];

  /** Rejects when the emulator cannot go on: call {@link stop} then. Never resolves. */
  readonly failed: Promise<never>;

  constructor(options: EmulatorOptions) {
    this.#options = options;
    let fail: (error: EmulatorError) => void = () => undefined;
    this.failed = new Promise((_, reject) => (fail = reject));
    // Whoever waits for it sees the failure; that nobody waits yet is no failure of its own.
    this.failed.catch(() => undefined);
    this.#fail = fail;
  }

  /**
   * Resolves when every gateway serves: a write and a read have gone through each. Throws {@link EmulatorError} and leaves
   * nothing behind then, also when {@link stop} is called meanwhile.
   */
  async start(): Promise<void> {
    const started = this.#start();
    // Only to learn that it has settled; the error is thrown below.
    this.#starting = started.catch(() => undefined);
    try {
      await started;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** HOST:PORT of each gateway. */
  get addresses(): readonly string[] {
    const { host } = this.#options;
    return this.#ports.map((port) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  }

  /** For `LambdaClient`; once it has started. */
  get lambdaUrl(): string {
    return this.#cloud?.lambdaUrl ?? '';
  }

  /** For WebSocket clients; once it has started. */
  get webSocketUrl(): string {
    return this.#cloud?.webSocketUrl ?? '';
  }

  /** URL of DynamoDB; once it has started. */
  get dynamoUrl(): string {
    const { tables } = this.#options;
    return tables.kind === 'endpoint' ? tables.url : (this.#engine?.endpoint ?? '');
  }

  /** One line for people: where the data is and what serves it. */
  get description(): string {
    const { tables } = this.#options;
    if (tables.kind === 'endpoint') return `data in DynamoDB at ${tables.url}`;
    const engine = `engine dynoxide at ${this.#engine?.endpoint ?? ''}`;
    return tables.kind === 'memory' ? `data in memory only, ${engine}` : `data in ${tables.path}, ${engine}`;
  }

  /** Ends everything within two seconds, by force if need be. May be called again. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #start(): Promise<void> {
    const { host, gateways, tables } = this.#options;
    const ports = portsOf(this.#options);
    for (const port of ports) await assertFree({ host, port });
    this.#assertGoingOn();
    const cloud = this.#newCloud();
    this.#cloud = cloud;
    await cloud.listen();
    this.#assertGoingOn();
    if (tables.kind === 'directory') this.#directory = DataDirectory.claim(tables.path);
    // The processes load while the engine starts.
    for (let index = 0; index < gateways; index++) this.#children.push(this.#newChild());
    const endpoint = await this.#openEngine();
    await this.#startCloud(cloud, endpoint);
    this.#assertGoingOn();
    this.#ports = await Promise.all(
      this.#children.map((child, index) => child.start(this.#gatewayConfig(endpoint, ports[index] ?? 0))),
    );
  }

  #assertGoingOn(): void {
    if (this.#stopping !== undefined) throw new EmulatorError('Stopped', 'stopped before it was ready');
  }

  #newChild(): GatewayChild {
    const { clock, logger } = this.#options;
    return new GatewayChild({ clock, logger, onLost: this.#fail });
  }

  #gatewayConfig(endpoint: string, port: number): GatewayConfig {
    const { namespace, tablePrefix, host, logLevel, gateways, tables } = this.#options;
    const alone = gateways === 1 && tables.kind !== 'endpoint';
    const followIdleMs = alone ? FOLLOW_IDLE_ALONE_MS : FOLLOW_IDLE_MS;
    const client = { host, port };
    const given = this.#options.gatewaySettings;
    const settings = { ...localSettings(client), ...given, client, drainTimeoutMs: DRAIN_MS_MAX };
    return { namespace, tablePrefix, settings, logLevel, endpoint, followIdleMs };
  }

  async #openEngine(): Promise<string> {
    const { tables } = this.#options;
    if (tables.kind === 'endpoint') return tables.url;
    const engine = await this.#newEngine();
    this.#engine = engine;
    this.#assertGoingOn();
    void engine.exited.then(({ code, signal }) => {
      if (this.#stopping !== undefined) return;
      const reason = signal ?? `exit code ${code ?? 'none'}`;
      this.#fail(new EmulatorError('EngineFailed', `the DynamoDB engine ended (${reason}): start again`));
    });
    const identity = identify(engine.pid);
    if (identity !== undefined) for (const child of this.#children) child.guard(identity);
    return engine.endpoint;
  }

  async #newEngine(): Promise<Engine> {
    const dataFile = this.#directory?.database;
    try {
      return await startEngine(dataFile === undefined ? {} : { dataFile });
    } catch (error) {
      throw new EmulatorError('EngineFailed', oneLine(error), { cause: error });
    }
  }

  #newCloud(): Cloud {
    const { host, lambdaHost = host, lambdaPort, tables } = this.#options;
    const { namespace, tablePrefix, logLevel, logger, clock, random } = this.#options;
    const sweepTtl = tables.kind !== 'endpoint';
    return new Cloud({
      ...{ host: lambdaHost, namespace, tablePrefix, logLevel, logger, clock, random, sweepTtl },
      port: lambdaPort,
    });
  }

  async #startCloud(cloud: Cloud, endpoint: string): Promise<void> {
    try {
      await cloud.start(endpoint);
    } catch (error) {
      if (error instanceof EmulatorError) throw error;
      const advice = 'check the address, and region and credentials in the environment';
      throw new EmulatorError('EndpointFailed', `no DynamoDB at ${endpoint} (${oneLine(error)}): ${advice}`, {
        cause: error,
      });
    }
  }

  async #stop(): Promise<void> {
    const functions = this.#cloud?.stop() ?? Promise.resolve();
    await Promise.all([
      ...this.#children.map((child) => child.stop()),
      Promise.race([functions, sleep(this.#options.clock, FUNCTIONS_STOP_MS_MAX)]),
      Promise.race([this.#starting, sleep(this.#options.clock, START_STOP_MS_MAX)]),
    ]);
    await this.#cloud?.kill();
    await this.#stopEngine();
    this.#directory?.release();
  }

  async #stopEngine(): Promise<void> {
    const engine = this.#engine;
    if (engine === undefined) return;
    const identity = identify(engine.pid);
    const cancel = this.#options.clock.after(ENGINE_STOP_MS_MAX, () => {
      if (identity !== undefined) killNow(identity);
    });
    await engine.stop();
    cancel();
  }
}

function portsOf({ port, gateways }: EmulatorOptions): number[] {
  return Array.from({ length: gateways }, (_, index) => (port === 0 ? 0 : port + index));
}

function oneLine(error: unknown): string {
  const { name, message } = error as Error;
  return (message === '' ? name : message).replaceAll(/\s*\n\s*/g, ' ');
}
