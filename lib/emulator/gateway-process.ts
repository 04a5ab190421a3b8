/** The program of a gateway process. It takes its orders from the supervisor over the channel that fork opens. */
import { systemClock } from '../base/clock.js';
import { jsonLogger } from '../base/logger.js';
import { systemRandom } from '../base/random.js';
import { openGateway, type RunningGateway } from '../gateway/open.js';
import { createDynamoClient, silenceNodeVersionNotice } from '../log/dynamo-client.js';
import { DynamoStore } from '../log/dynamo-store.js';
import { ServerClock } from '../log/server-clock.js';
import type { FromGateway, GatewayConfig, ToGateway } from './gateway-messages.js';
import { killNow, type ProcessIdentity } from './process-identity.js';

let engine: ProcessIdentity | undefined;
let starting: Promise<RunningGateway> | undefined;
let stopping = false;

process.on('message', (message: ToGateway) => {
  if (message.type === 'guard') engine = message.engine;
  else if (message.type === 'start') void start(message.config);
  else void stop();
});

// The supervisor is gone without a word: nothing of the emulator may stay behind.
process.on('disconnect', () => {
  if (engine !== undefined) killNow(engine);
  process.exit(stopping ? 0 : 1);
});

// Ctrl-C in a terminal reaches every process of the group; the order to stop comes from the supervisor.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => void stop());

async function start(config: GatewayConfig): Promise<void> {
  try {
    starting = open(config);
    const { port } = await starting;
    tell({ type: 'ready', port });
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    tell({ type: 'failed', code, message }, () => process.exit(1));
  }
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  // A start that failed has told so itself; what is left of it ends with the process.
  const gateway = await starting?.catch(() => undefined);
  await gateway?.stop();
  process.exit(0);
}

async function open(config: GatewayConfig): Promise<RunningGateway> {
  silenceNodeVersionNotice();
  const { namespace, tablePrefix, endpoint, settings, followIdleMs } = config;
  const write = (line: string) => void process.stderr.write(line);
  const logger = jsonLogger({ level: config.logLevel, now: () => systemClock.now(), write });
  const auditLogger = jsonLogger({ level: 'info', now: () => systemClock.now(), write });
  const clock = new ServerClock(systemClock);
  const client = createDynamoClient({ endpoint });
  const observer = { onServerTime: clock.observe.bind(clock) };
  const store = new DynamoStore({ client, tablePrefix, observer });
  const isClockTrusted = () => clock.trusted;
  const shared = { store, clock, random: systemRandom, logger, auditLogger, isClockTrusted };
  const gateway = await openGateway({ ...shared, namespace, settings, followIdleMs });
  return {
    ...gateway,
    async stop() {
      await gateway.stop();
      client.destroy();
    },
  };
}

function tell(message: FromGateway, then: () => void = () => undefined): void {
  if (process.connected) process.send?.(message, then);
  else then();
}
