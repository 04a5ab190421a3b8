import type { NotifyReport } from '../../lib/api/watches/notifier.js';
import { TABLES } from '../../lib/log/tables.js';
import { parseEvent } from './events.js';
import { DEADLINE_DEFAULT_MS, RESERVE_MS, UnfinishedError } from './materialize.js';
import type { FunctionMetrics } from './observability.js';
import { forEachNamespace, type InvocationContext, namespacesOf, textOf } from './namespaces.js';

/** What notify needs of `Notifier`. */
export interface NotifyRun {
  run(options: { deadlineMs: number }): Promise<Pick<NotifyReport, 'more' | 'lagMs'>>;
}

export interface NotifyWiring {
  /** Namespaces that a scheduled event looks after. */
  readonly namespaces: () => Promise<readonly string[]>;
  readonly notifier: (namespace: string) => NotifyRun;
  /** Wall time, ms. */
  readonly now: () => number;
  readonly health?: FunctionMetrics['health'];
}

/**
 * Marks what the log fires, to its end, for every namespace that the event names. The event is only the alarm clock (stream
 * records, a writer's `{ namespace, zxid }`, a schedule), so lost, doubled and reordered ones do no harm.
 */
export function notifyHandler(wiring: () => NotifyWiring) {
  return async (event: unknown, context?: InvocationContext): Promise<void> => {
    const { namespaces, notifier, now, health } = wiring();
    const leftMs = (context?.getRemainingTimeInMillis() ?? DEADLINE_DEFAULT_MS) - RESERVE_MS;
    const deadlineMs = now() + Math.max(0, leftMs);
    const named = await namespacesOf(parseEvent(event), namespaces, (keys) =>
      textOf(keys, TABLES.log.partitionKey.name),
    );
    await forEachNamespace(named, async (namespace) => {
      const { more, lagMs } = await notifier(namespace).run({ deadlineMs });
      health?.('NotifyLagMs', lagMs);
      if (more) throw new UnfinishedError(`the log of ${namespace} is longer than one call can work off`);
    });
  };
}
