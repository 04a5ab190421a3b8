import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Random } from '../base/random.js';
import { NO_SESSION } from '../core/types.js';
import { Gateway } from '../gateway/gateway.js';
import { Keeper } from '../keeper/keeper.js';
import { Reaper } from '../keeper/reaper.js';
import { GatewaySessions } from '../keeper/sessions.js';
import type { Store } from '../log/store.js';

export interface OpenGatewayOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly isClockTrusted: () => boolean;
  readonly namespace: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Longest pause between two looks at the log's tail, ms. */
  readonly followIdleMs: number;
}

export interface RunningGateway {
  readonly port: number;
  stop(): Promise<void>;
}

/** A gateway with its keeper, its sessions and its reaper. Resolves when a write and a read have gone through. */
export async function openGateway(options: OpenGatewayOptions): Promise<RunningGateway> {
  const { namespace, host, followIdleMs, logger, ...shared } = options;
  const { clock, random } = shared;
  const keeper = new Keeper({ ...shared, namespace, follow: true, followIdleMs });
  let { port } = options;
  const sessions = new GatewaySessions({ ...shared, keeper, address: () => `${host}:${port}` });
  const isOwnGateway = (id: string) => id === sessions.lease.gatewayId;
  const reaper = new Reaper({ ...shared, keeper, isOwnGateway });
  const gateways = () => reaper.liveGateways();
  const gateway = new Gateway({ namespace, keeper, sessions, clock, random, logger, gateways });

  await keeper.start();
  port = (await gateway.listen({ host, port })).address.port;
  await sessions.start();
  reaper.start();
  await keeper.write({ kind: 'noop' }, { session: NO_SESSION, epoch: 0, authIds: [] });
  await keeper.sync();
  return {
    port,
    async stop() {
      reaper.stop();
      await gateway.close();
      await sessions.stop();
      await keeper.stop();
    },
  };
}
