import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Random } from '../base/random.js';
import { createDynamoClient } from '../log/dynamo-client.js';
import { DynamoStore } from '../log/dynamo-store.js';
import { ServerClock } from '../log/server-clock.js';
import { openGateway, type RunningGateway } from './open.js';
import type { StandaloneSettings } from './config/settings.js';

/** Opens a gateway on the tables that its settings name, with DynamoDB's time. Rejects when it cannot serve. */
export async function openStandalone(
  settings: StandaloneSettings,
  base: {
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly auditLogger: Logger;
  },
): Promise<RunningGateway> {
  const { endpoint, region, tablePrefix, namespace, followIdleMs } = settings;
  const client = createDynamoClient({
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
  });
  const clock = new ServerClock(base.clock);
  const observer = { onServerTime: clock.observe.bind(clock) };
  const store = new DynamoStore({ client, tablePrefix, observer });
  const isClockTrusted = () => clock.trusted;
  try {
    const shared = { ...base, store, clock, isClockTrusted, namespace, followIdleMs };
    const gateway = await openGateway({ ...shared, settings });
    return {
      ...gateway,
      async stop() {
        await gateway.stop();
        client.destroy();
      },
    };
  } catch (error) {
    client.destroy();
    throw error;
  }
}
