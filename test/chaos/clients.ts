import { setTimeout as pause } from 'node:timers/promises';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { systemClock } from '../../lib/base/clock.js';
import { systemRandom } from '../../lib/base/random.js';
import { retryPolicy } from '../../lib/client/backoff.js';
import type { ZeroKeeperClient } from '../../lib/client/client.js';
import { connectOver } from '../../lib/client/connect.js';
import { createDirectTransport } from '../../lib/client/direct/index.js';
import { ZeroKeeperError } from '../../lib/client/errors.js';
import { dialer } from '../../lib/client/tcp/channel.js';
import type { Transport, TransportKind } from '../../lib/client/transport.js';
import { awsInvoke } from '../../lib/client/transports/lambda/aws-invoke.js';
import { LambdaTransport } from '../../lib/client/transports/lambda/lambda-transport.js';
import { TcpTransport } from '../../lib/client/transports/tcp/tcp-transport.js';
import { FUNCTION_NAMES } from '../../lib/emulator/deployment.js';
import { createDynamoClient } from '../../lib/log/dynamo-client.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import { isOver } from '../sim/clients.js';
import type { History } from '../sim/history.js';
import { RecordingTransport } from '../sim/recording.js';
import type { Workload } from '../sim/workload.js';
import { Dice } from '../sim/world/dice.js';
import type { Cluster } from './cluster.js';
import { TABLE_PREFIX } from './cluster.js';

export const NAMESPACE = 'default';
const CONNECT_TIMEOUT_MS = 20_000;
/** When all is well again, everybody gets an answer within this time. */
const FINALE_MS = 60_000;

export interface ClientOptions {
  readonly kind: TransportKind;
  readonly name: string;
  readonly seed: number;
  readonly cluster: Cluster;
  readonly history: History;
  readonly workload: Workload;
  /** Hears of what must not happen. */
  readonly problem: (what: string) => void;
}

/** An application of this process, with one session after the other over the proxies. */
export class ChaosClient {
  readonly #options: ClientOptions;
  readonly #dice: Dice;
  readonly #dynamo: DynamoDBClient;
  readonly #lambda: LambdaClient;
  #stopping = false;
  readonly done: Promise<void>;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#dice = new Dice(options.seed);
    const { cluster } = options;
    this.#dynamo = createDynamoClient({ endpoint: `http://127.0.0.1:${cluster.engineProxy.port}` });
    this.#lambda = new LambdaClient({
      endpoint: `http://127.0.0.1:${cluster.lambdaProxy.port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      maxAttempts: 1,
    });
    this.done = this.#run().catch((error: unknown) =>
      options.problem(`${options.name} ended: ${String(error)}`),
    );
  }

  /** No new work: what is under way comes to its end, and the session is closed. */
  stop(): void {
    this.#stopping = true;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      await this.#session();
      await pause(this.#dice.between(1, 1_000));
    }
    this.#dynamo.destroy();
    this.#lambda.destroy();
  }

  async #session(): Promise<void> {
    const { name, history, workload } = this.#options;
    const transport = new RecordingTransport(this.#transport(), { history, client: name });
    let client: ZeroKeeperClient;
    try {
      client = await connectOver(transport, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
    } catch (error) {
      this.#look('connecting', error);
      return;
    }
    client.on('error', (error) => this.#options.problem(`a listener of ${name}: ${String(error)}`));
    const worker = { clock: systemClock, dice: this.#dice, record: transport.record, look: this.#look };
    while (!this.#stopping && !isOver(client)) {
      await workload.burst(client, worker);
      await pause(this.#dice.between(0, workload.pauseMsMax));
      if (this.#dice.chance(0.005)) break;
    }
    if (!isOver(client) && this.#stopping) await this.#finale(client);
    await client.close();
  }

  /** Sees everything that there is to see, so that whatever is due to it has been told. */
  async #finale(client: ZeroKeeperClient): Promise<void> {
    const endMs = systemClock.monotonic() + FINALE_MS;
    while (!isOver(client) && systemClock.monotonic() < endMs) {
      try {
        await client.sync('/', { timeoutMs: FINALE_MS });
        return;
      } catch (error) {
        this.#look('the last sync', error);
        await pause(500);
      }
    }
    if (!isOver(client)) this.#options.problem(`${this.#options.name} gets no answer though all is well`);
  }

  readonly #look = (what: string, error: unknown): void => {
    // A client's errors are for its application; SystemError is what a bug looks like from there.
    if (error instanceof ZeroKeeperError && error.name !== 'SystemError') return;
    this.#options.problem(
      `${this.#options.name}, ${what}: ${String(error)} ${String((error as Error).cause)}`,
    );
  };

  #transport(): Transport {
    const { cluster, kind } = this.#options;
    const common = { closeTimeoutMs: 5_000, clock: systemClock, random: systemRandom };
    const sessionTimeoutMs = this.#dice.pick([6_000, 10_000, 15_000]);
    switch (kind) {
      case 'direct':
        return createDirectTransport({
          ...{ ...common, sessionTimeoutMs, namespace: NAMESPACE, retry: retryPolicy() },
          store: new DynamoStore({ client: this.#dynamo, tablePrefix: TABLE_PREFIX }),
        });
      case 'tcp':
        return new TcpTransport({
          ...{ ...common, sessionTimeoutMs, auth: [], dial: dialer() },
          servers: cluster.gatewayProxies.map(({ port }) => ({ host: '127.0.0.1', port })),
        });
      case 'lambda':
        return new LambdaTransport({
          ...{ ...common, sessionTimeoutMs, retry: retryPolicy(), pollMs: 500 },
          invoke: awsInvoke({ functionName: FUNCTION_NAMES.api, client: this.#lambda }),
          invokeTimeoutMs: sessionTimeoutMs / 2,
        });
    }
  }
}
