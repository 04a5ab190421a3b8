import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Random } from '../base/random.js';
import { NO_SESSION } from '../core/types.js';
import { Keeper } from '../keeper/keeper.js';
import { Reaper } from '../keeper/reaper.js';
import { GatewaySessions } from '../keeper/sessions.js';
import { KeeperError, type GatewayInfo } from '../keeper/types.js';
import type { Store } from '../log/store.js';
import { MetricsServer } from './admin/metrics-server.js';
import { AdminServer } from './admin/server.js';
import { AuditLog } from './audit.js';
import { advertised, type GatewaySettings } from './config/settings.js';
import { Ensemble } from './ensemble.js';
import { userName } from './environment.js';
import { Gateway } from './gateway.js';

export interface OpenGatewayOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where changes are told if the settings say so; it must not drop `info`. Default: `logger`. */
  readonly auditLogger?: Logger;
  readonly isClockTrusted: () => boolean;
  readonly namespace: string;
  readonly settings: GatewaySettings;
  /** Longest pause between two looks at the log's tail, ms. */
  readonly followIdleMs: number;
  /** Called when it can serve. Who has connections to bring that come over no port does it from here on. */
  readonly onServing?: (gateway: Gateway) => void;
}

export interface RunningGateway {
  /** For clients; with TLS when there is no port without. */
  readonly port: number;
  /** Undefined without TLS. */
  readonly securePort: number | undefined;
  /** Of commands, metrics and health; undefined without them. */
  readonly adminPort: number | undefined;
  /** Of the metrics by themselves; undefined without them. */
  readonly metricsPort: number | undefined;
  /**
   * Stops, and lets the sessions go on elsewhere: requests under way are answered, then every client is hung up, and the gateway's last
   * renewal gives each session its whole timeout to come back to another gateway.
   */
  stop(): Promise<void>;
}

/** A gateway with its keeper, its sessions and its reaper. Resolves when a write and a read have gone through. */
export async function openGateway(options: OpenGatewayOptions): Promise<RunningGateway> {
  const { namespace, settings, followIdleMs, logger, auditLogger = logger, onServing, ...shared } = options;
  const { clock, random } = shared;
  const { limits, fourLetterWords, enforceQuota, auth, readOnlyMode = false } = settings;
  const keeper = new Keeper({
    ...{ ...shared, namespace, follow: true, followIdleMs, enforceQuota },
    combining: { standsBack: true },
  });
  let address = settings.advertisedAddress ?? '';
  const sessions = new GatewaySessions({ ...shared, keeper, address: () => address });
  const isOwnGateway = (id: string) => id === sessions.lease.gatewayId;
  const ensemble = new Ensemble(keeper);
  const onGateways = (live: readonly GatewayInfo[]) => ensemble.publish(live);
  const reaper = new Reaper({ ...shared, keeper, isOwnGateway, onGateways });
  const audit = settings.audit ? new AuditLog(auditLogger, userName()) : undefined;
  const gateway = new Gateway({
    audit,
    ...{ namespace, keeper, sessions, clock, random, logger, limits, fourLetterWords, auth, readOnlyMode },
    gateways: () => reaper.liveGateways(),
  });
  const admin = adminServer(gateway, options);
  const metrics = metricsServer(gateway, options);
  const stop = async (drainTimeoutMs: number) => {
    audit?.serverStops();
    reaper.stop();
    // The admin server answers meanwhile: its `/health` tells that no further clients are to be sent here.
    await gateway.drain(drainTimeoutMs);
    await Promise.all([admin?.stop(), metrics?.stop()]);
    await sessions.leave().catch((error: unknown) => {
      if (!(error instanceof KeeperError)) throw error;
      // Whoever ends all processes at once ends the store's first, too.
      logger.warn('the store is gone: the gateway leaves a lease behind, which lapses', {
        reason: error.message,
      });
    });
    await keeper.stop();
  };
  try {
    await keeper.start();
    const ports = await listen(gateway, settings);
    const adminPort = settings.admin === undefined ? undefined : await admin?.listen(settings.admin);
    const metricsPort = settings.metrics === undefined ? undefined : await metrics?.listen(settings.metrics);
    if (address === '') address = ports.advertised;
    gateway.serve();
    onServing?.(gateway);
    await sessions.start();
    // A gateway is ready when a write has gone through. There is one to make, unless others list it already.
    const wrote = await ensemble.publish(await reaper.liveGateways());
    if (!wrote) await keeper.write({ kind: 'noop' }, { session: NO_SESSION, epoch: 0, authIds: [] });
    reaper.start();
    await keeper.sync();
    audit?.serverStarts();
    return { ...ports, adminPort, metricsPort, stop: () => stop(settings.drainTimeoutMs) };
  } catch (error) {
    // Whatever else fails while it is taken down, why it could not start is what has to be told.
    await stop(0).catch((failure: unknown) =>
      logger.warn('a gateway that did not start left rows', { failure }),
    );
    throw error;
  }
}

function adminServer(gateway: Gateway, { settings, logger }: OpenGatewayOptions): AdminServer | undefined {
  if (settings.admin === undefined) return undefined;
  return new AdminServer({ commandUrl: settings.admin.commandUrl, status: () => gateway.status(), logger });
}

function metricsServer(
  gateway: Gateway,
  { settings, logger }: OpenGatewayOptions,
): MetricsServer | undefined {
  if (settings.metrics === undefined) return undefined;
  const { ofProcess } = settings.metrics;
  return new MetricsServer({ ofProcess, status: () => gateway.status(), logger });
}

async function listen(gateway: Gateway, { client, secure }: GatewaySettings) {
  const open = client === undefined ? undefined : (await gateway.listen(client)).address.port;
  const securePort = secure === undefined ? undefined : (await gateway.listenSecurely(secure)).address.port;
  const port = open ?? securePort ?? 0;
  const { host } = client ?? secure ?? { host: '' };
  return { port, securePort, advertised: advertised(host, port) };
}
