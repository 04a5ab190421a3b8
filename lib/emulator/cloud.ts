import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { Clock } from '../base/clock.js';
import type { Logger, LogLevel } from '../base/logger.js';
import type { Random } from '../base/random.js';
import { clientConfig, createDynamoClient } from '../log/dynamo-client.js';
import { deploy, FUNCTION_NAMES } from './deployment.js';
import { EmulatorError } from './errors.js';
import { FunctionHost } from './function-host.js';
import { HttpEndpoint } from './http-endpoint.js';
import { LambdaService } from './lambda/service.js';
import { createTables } from './tables.js';
import { readDeploymentSettings } from './template.js';
import { QueueUnavailableError, startTimerQueue, type TimerQueue } from './timers/queue.js';
import { WebSocketApi } from './websocket/api.js';

/** Where Lambda's API is looked for, unless another emulator has it already. */
export const LAMBDA_PORT = 9001;

export interface CloudOptions {
  readonly host: string;
  /** Of Lambda's API and the WebSocket API; 0 takes a free one. Default: 9001, or a free one when that is taken. */
  readonly port?: number | undefined;
  readonly namespace: string;
  readonly tablePrefix: string;
  readonly logLevel: LogLevel;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Delete rows past their time to live, for an engine that does not do so itself. */
  readonly sweepTtl: boolean;
}

/** Everything beside DynamoDB and the gateways: Lambda, its functions and what calls them, SQS, and the WebSocket API. */
export class Cloud {
  readonly #options: CloudOptions;
  readonly #settings = readDeploymentSettings();
  readonly #endpoint: HttpEndpoint;
  readonly #webSocket: WebSocketApi;
  #lambda: LambdaService | undefined;
  #queueStarting: Promise<TimerQueue | QueueUnavailableError> | undefined;
  #host: FunctionHost | undefined;
  #clients: { destroy(): void }[] = [];

  constructor(options: CloudOptions) {
    this.#options = options;
    const { clock, random, logger, namespace } = options;
    this.#webSocket = new WebSocketApi({
      ...{ clock, random, logger },
      stages: [namespace],
      call: (event) => this.#call(FUNCTION_NAMES.connect, event),
    });
    const lambda = {
      invoke: (...args: Parameters<LambdaService['invoke']>) => this.#service().invoke(...args),
    };
    this.#endpoint = new HttpEndpoint({ lambda, webSocket: this.#webSocket, logger });
  }

  /** What can begin before there is a DynamoDB. Throws `EmulatorError` when the port cannot be had. */
  async listen(): Promise<void> {
    await this.#listen();
    this.#queueStarting = this.#startQueue();
    // start() learns of a failure; that nobody waits yet is no failure of its own.
    this.#queueStarting.catch(() => undefined);
  }

  /** Makes the tables; resolves when requests are answered and every change from then on reaches its function. */
  async start(dynamo: string): Promise<void> {
    const { tablePrefix, clock, random, logger, sweepTtl } = this.#options;
    const client = createDynamoClient({ endpoint: dynamo });
    const streams = new DynamoDBStreamsClient(clientConfig({ endpoint: dynamo }));
    this.#clients = [client, streams];
    await createTables({ client, prefix: tablePrefix });
    const queue = this.#orWithout(await this.#queueStarting);
    this.#lambda = this.#newLambda(dynamo, queue);
    const call = this.#call.bind(this);
    const send = this.#lambda.send.bind(this.#lambda);
    this.#host = new FunctionHost({
      ...{ client, streams, tablePrefix, clock, random, logger, call, send, queue, sweepTtl },
      settings: this.#settings,
    });
    await this.#host.start();
  }

  /** For `LambdaClient`. */
  get lambdaUrl(): string {
    return this.#endpoint.url;
  }

  get webSocketUrl(): string {
    return `${this.#endpoint.webSocketUrl}/${this.#options.namespace}`;
  }

  /** Resolves when nothing runs any more; calls of functions that are under way are awaited. */
  async stop(): Promise<void> {
    await this.#host?.stop();
    await this.#webSocket.stop();
    await this.kill();
  }

  /** Ends everything at once, whatever is under way. */
  async kill(): Promise<void> {
    await this.#endpoint.stop();
    await this.#lambda?.stop();
    const queue = await this.#queueStarting?.catch(() => undefined);
    if (queue !== undefined && 'stop' in queue) await queue.stop();
    for (const client of this.#clients.splice(0)) client.destroy();
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#options;
    if (port !== undefined) return this.#endpoint.listen({ host, port });
    try {
      await this.#endpoint.listen({ host, port: LAMBDA_PORT });
    } catch (error) {
      if (!(error instanceof EmulatorError) || error.code !== 'PortTaken') throw error;
      await this.#endpoint.listen({ host, port: 0 });
    }
  }

  #service(): LambdaService {
    if (this.#lambda === undefined) throw new Error('the emulator is not ready yet');
    return this.#lambda;
  }

  #call(functionName: string, event: unknown): Promise<unknown> {
    return this.#service().call(functionName, event);
  }

  #newLambda(dynamo: string, queue: TimerQueue | undefined): LambdaService {
    const { tablePrefix, namespace, logLevel, clock, random, logger } = this.#options;
    const surroundings = {
      ...{ tablePrefix, namespace, logLevel, dynamo },
      lambda: this.#endpoint.url,
      management: this.#endpoint.url,
      queue: queue && { endpoint: queue.endpoint, url: queue.queueUrl },
    };
    const functions = deploy(surroundings, this.#settings.functions);
    return new LambdaService({
      clock,
      random,
      logger,
      functions,
      aliases: [namespace],
      putAside: queue?.putAside,
    });
  }

  async #startQueue(): Promise<TimerQueue | QueueUnavailableError> {
    try {
      return await startTimerQueue(this.#settings.queue);
    } catch (error) {
      if (!(error instanceof QueueUnavailableError)) throw error;
      return error;
    }
  }

  /** Told only now: whoever has no engine either learns of that, and of nothing else. */
  #orWithout(queue: TimerQueue | QueueUnavailableError | undefined): TimerQueue | undefined {
    if (!(queue instanceof QueueUnavailableError)) return queue;
    const problem = 'there is no SQS: sessions of thin clients expire up to a minute late';
    this.#options.logger.warn(problem, { reason: queue.message });
    return undefined;
  }
}
