import { systemClock, type Clock } from '../../lib/base/clock.js';
import { silentLogger, type Logger } from '../../lib/base/logger.js';
import { systemRandom, type Random } from '../../lib/base/random.js';
import type { ThinCaller } from '../../lib/api/caller.js';
import { noMetrics } from '../../lib/api/metrics.js';
import { GatewayTimers } from '../../lib/keeper/gateway-timers.js';
import { scheduleIdle } from '../../lib/keeper/idle-znodes.js';
import { NamespaceRegistry } from '../../lib/keeper/registry.js';
import { Materializer } from '../../lib/keeper/materializer.js';
import { trimLog } from '../../lib/keeper/trim.js';
import { noTimers, type Timers } from '../../lib/keeper/thin-timers.js';
import { createDynamoClient, silenceNodeVersionNotice } from '../../lib/log/dynamo-client.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import { ServerClock } from '../../lib/log/server-clock.js';
import type { Store } from '../../lib/log/store.js';
import type { ThinAnswer } from '../../lib/wire/thin-protocol.js';
import type { ApiWiring } from './api.js';
import type { NamespaceAuthority } from './authority.js';
import { functionEnvironment, readEnvironment, type FunctionEnvironment } from './environment.js';
import type { ExpireWiring, TimerWiring } from './expire.js';
import { armGatewayTimers } from './gateway-timers.js';
import { lambdaInvoker, type InvokeLater } from './invoke.js';
import type { MaterializeWiring } from './materialize.js';
import { scheduledNamespaces } from './namespaces.js';
import { functionLogger, functionMetrics, type FunctionMetrics } from './observability.js';
import type { LogRetention } from './retention.js';
import { QueueTimers, sqsSender } from './timer-messages.js';
import { WARM_NAMESPACES_MAX, WarmNamespaces, type WarmOptions } from './warm.js';

export { WARM_NAMESPACES_MAX } from './warm.js';

export interface WiringOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** False while the clock cannot be trusted: nothing is written then. */
  readonly isClockTrusted?: () => boolean;
  readonly namespaces: readonly string[];
  /** Whether writes of thin clients are refused that exceed a hard quota. Default: no. */
  readonly enforceQuota?: boolean;
  /** Where a call's namespace comes from when it has no alias. Default: the first of `namespaces`, nothing from requests. */
  readonly authority?: NamespaceAuthority;
  /** Without timers sessions expire by the sweep and by time to live, minutes late. */
  readonly timers?: Timers;
  readonly logger?: Logger;
  readonly metrics?: FunctionMetrics;
  /** Default: logs are kept for good. */
  readonly logRetention?: LogRetention;
  /** Rows that materialize writes at the same time. */
  readonly parallelPuts?: number;
  readonly notify?: NonNullable<WarmOptions['notify']>;
  readonly materialize?: NonNullable<WarmOptions['materialize']>;
}

export type FunctionWiring = MaterializeWiring & ExpireWiring & TimerWiring & ApiWiring;

const NO_METRICS: FunctionMetrics = { of: () => noMetrics, health: () => undefined, flush: () => undefined };

/** What the functions work with, on a given store. */
export function createWiring(options: WiringOptions): FunctionWiring {
  const { clock, namespaces, logger = silentLogger, metrics = NO_METRICS } = options;
  const registry = new NamespaceRegistry(options);
  const warm = new WarmNamespaces({ ...options, logger, metrics, timers: options.timers ?? noTimers });
  return {
    namespaces: () => scheduledNamespaces(registry, namespaces),
    now: () => clock.now(),
    health: (name, value) => metrics.health(name, value),
    materializer: materializers(options),
    authority: options.authority ?? { namespace: namespaces[0] ?? 'default', payloadMayName: false },
    flush: () => metrics.flush(),
    answer: (request, caller) => answerBy(warm, request, caller),
    withReaper: (namespace, work) => warm.useAndNotify(namespace, ({ reaper }) => work(reaper)),
    trim: (namespace, deadlineMs) => trimOne(options, namespace, deadlineMs),
    onTimer: (timer, deliveryId) =>
      warm.useAndNotify(timer.namespace, async ({ reaper, gatewayTimers }) => {
        if (timer.kind === 'session') {
          const { kind } = await reaper.expiry.onTimer({ ...timer, deliveryId });
          if (kind === 'closed') metrics.health('ExpiryDelayMs', Math.max(0, clock.now() - timer.deadlineMs));
        } else if (timer.kind === 'idle') await reaper.idle.onTimer(timer.deadlineMs);
        else await gatewayTimers.onTimer({ ...timer, deliveryId }, (id) => reaper.reapUntil(id));
      }),
    onTimerProblem: (messageId, error) => logger.error('a timer failed', { messageId, error }),
  };
}

/** A view that the log was trimmed above is of no use any more, and has done nothing for the request: a fresh one answers it. */
function answerBy(warm: WarmNamespaces, request: unknown, caller: ThinCaller): Promise<ThinAnswer> {
  const { namespace } = caller;
  return warm.use(namespace, async (one) => {
    const answer = await one.service.handle(request, caller);
    const isLost = answer.type === 'error' && answer.reason === 'Compacted';
    if (!isLost) return answer;
    warm.discard(namespace, one);
    return warm.use(namespace, (fresh) => fresh.service.handle(request, caller));
  });
}

/** What is old by a clock that cannot be trusted may be young: the next sweep sees. */
async function trimOne(options: WiringOptions, namespace: string, deadlineMs: number): Promise<void> {
  const { store, clock, random, logRetention, isClockTrusted, logger = silentLogger } = options;
  const retentionMs = logRetention?.(namespace);
  if (retentionMs === undefined || isClockTrusted?.() === false) return;
  const report = await trimLog({ store, namespace, clock, random, retentionMs }, deadlineMs);
  if (report.entries > 0) logger.info('the log was trimmed', { namespace, ...report });
}

/** Materializers that are kept warm, by namespace. */
function materializers(options: WiringOptions): (namespace: string) => Materializer {
  const warm = new Map<string, Materializer>();
  return (namespace) => {
    const materializer = warm.get(namespace) ?? newMaterializer(options, namespace);
    warm.delete(namespace);
    warm.set(namespace, materializer);
    const [oldest] = warm.keys();
    if (warm.size > WARM_NAMESPACES_MAX && oldest !== undefined) warm.delete(oldest);
    return materializer;
  };
}

function newMaterializer(options: WiringOptions, namespace: string): Materializer {
  const { store, clock, random, timers, parallelPuts } = options;
  const common = { store, clock, random, namespace, ...(parallelPuts === undefined ? {} : { parallelPuts }) };
  if (timers === undefined) return new Materializer(common);
  const gatewayTimers = new GatewayTimers({ ...common, timers });
  return new Materializer({
    ...common,
    beforeWatermark: (commits) => armGatewayTimers(gatewayTimers, commits),
    onIdle: (dueTimesMs) => scheduleIdle({ timers, clock, namespace }, dueTimesMs),
  });
}

/**
 * The wiring of a deployed function, made at its first call; its environment is read at once. Throws `EnvironmentError` when a value
 * cannot be:
 * - `ZEROKEEPER_TABLE_PREFIX`: the tables are called `prefix-log` and so on. Default `zerokeeper`.
 * - `ZEROKEEPER_NAMESPACES`: what scheduled events look after beside those that were created, separated by commas. Default `default`.
 * - `ZEROKEEPER_NAMESPACE`: whose calls without an alias are. Default: the first of `ZEROKEEPER_NAMESPACES`.
 * - `ZEROKEEPER_NAMESPACE_IN_PAYLOAD`: `allow` lets requests of calls without an alias name it.
 * - `ZEROKEEPER_TIMER_QUEUE_URL`: the queue of `expire`'s timers. Without it sessions expire minutes late.
 * - `ZEROKEEPER_NOTIFY_FUNCTION`, `ZEROKEEPER_MATERIALIZE_FUNCTION`: what to call after an append, and when materialize lags.
 * - `ZEROKEEPER_ENFORCE_QUOTA`: `true` refuses writes that exceed a hard quota, as gateways with that option do.
 * - `ZEROKEEPER_LOG_RETENTION_DAYS`: how long logs are kept, as `30` or `production=90,staging=7`. Default: for good.
 * - `ZEROKEEPER_MATERIALIZE_PARALLEL`: rows that materialize writes at the same time. For stores with a single writer.
 * - `AWS_ENDPOINT_URL_DYNAMODB`, `_SQS`, `_LAMBDA`, or `AWS_ENDPOINT_URL`: others than AWS's own.
 */
export function wiringFromEnvironment(environment: NodeJS.ProcessEnv): () => FunctionWiring {
  const settings = readEnvironment(functionEnvironment, environment);
  let wiring: FunctionWiring | undefined;
  return () => (wiring ??= connect(settings));
}

function connect(settings: FunctionEnvironment): FunctionWiring {
  silenceNodeVersionNotice();
  const endpoint = endpointOf(settings, 'DYNAMODB');
  const clock = new ServerClock(systemClock);
  const tablePrefix = settings.ZEROKEEPER_TABLE_PREFIX;
  const store = new DynamoStore({
    // Keepers settle what is in doubt themselves, and a partition that takes no more is a sign to them: to park, and not to wait.
    client: createDynamoClient({ attemptsMax: 1, ...(endpoint === undefined ? {} : { endpoint }) }),
    tablePrefix,
    observer: { onServerTime: (sample) => clock.observe(sample) },
  });
  const parallelPuts = settings.ZEROKEEPER_MATERIALIZE_PARALLEL;
  return createWiring({
    store,
    clock,
    random: systemRandom,
    isClockTrusted: () => clock.trusted,
    namespaces: settings.ZEROKEEPER_NAMESPACES,
    authority: authorityIn(settings),
    logger: functionLogger(),
    metrics: functionMetrics(tablePrefix),
    enforceQuota: settings.ZEROKEEPER_ENFORCE_QUOTA === 'true',
    logRetention: settings.ZEROKEEPER_LOG_RETENTION_DAYS,
    ...(parallelPuts === undefined ? {} : { parallelPuts }),
    ...timersIn(settings),
    ...callsIn(settings),
  });
}

function endpointOf(
  settings: FunctionEnvironment,
  service: 'DYNAMODB' | 'SQS' | 'LAMBDA',
): string | undefined {
  return settings[`AWS_ENDPOINT_URL_${service}`] ?? settings.AWS_ENDPOINT_URL;
}

function timersIn(settings: FunctionEnvironment): Pick<WiringOptions, 'timers'> {
  const queueUrl = settings.ZEROKEEPER_TIMER_QUEUE_URL;
  if (queueUrl === undefined) return {};
  return { timers: new QueueTimers(queueUrl, sqsSender(endpointOf(settings, 'SQS'))) };
}

function callsIn(settings: FunctionEnvironment): Pick<WiringOptions, 'notify' | 'materialize'> {
  let made: InvokeLater | undefined;
  const invoke: InvokeLater = (name, payload) =>
    (made ??= lambdaInvoker(endpointOf(settings, 'LAMBDA')))(name, payload);
  const { ZEROKEEPER_NOTIFY_FUNCTION: notify, ZEROKEEPER_MATERIALIZE_FUNCTION: materialize } = settings;
  return {
    ...(notify === undefined ? {} : { notify: (namespace, zxid) => invoke(notify, { namespace, zxid }) }),
    ...(materialize === undefined ? {} : { materialize: (namespace) => invoke(materialize, { namespace }) }),
  };
}

function authorityIn(settings: FunctionEnvironment): NamespaceAuthority {
  const namespace = settings.ZEROKEEPER_NAMESPACE ?? settings.ZEROKEEPER_NAMESPACES[0] ?? 'default';
  return { namespace, payloadMayName: settings.ZEROKEEPER_NAMESPACE_IN_PAYLOAD === 'allow' };
}
