import { TABLES } from '../../lib/log/tables.js';
import { parseEvent } from './events.js';
import type { FunctionMetrics } from './observability.js';
import { forEachNamespace, type InvocationContext, namespacesOf, textOf } from './namespaces.js';

/** What materialize needs of `Materializer`. */
export interface MaterializeRun {
  run(options: { deadlineMs: number }): Promise<{ readonly more: boolean; readonly lagMs: number }>;
}

export interface MaterializeWiring {
  /** Namespaces that a scheduled event looks after. */
  readonly namespaces: () => Promise<readonly string[]>;
  readonly materializer: (namespace: string) => MaterializeRun;
  /** Wall time, ms. */
  readonly now: () => number;
  readonly health?: FunctionMetrics['health'];
}

/** Kept free at the end of an invocation, so that it ends by itself. */
export const RESERVE_MS = 2_000;

/** Time for an invocation whose context names none. */
export const DEADLINE_DEFAULT_MS = 60_000;

/** There is more log than one invocation could work off: the event has to come again. */
export class UnfinishedError extends Error {
  override readonly name = 'UnfinishedError';
}

/**
 * Materializes every namespace that the event names, to the end of its log. The event is only the alarm clock, so lost,
 * doubled and reordered ones do no harm.
 */
export function materializeHandler(wiring: () => MaterializeWiring) {
  return async (event: unknown, context?: InvocationContext): Promise<void> => {
    const { namespaces, materializer, now, health } = wiring();
    const leftMs = (context?.getRemainingTimeInMillis() ?? DEADLINE_DEFAULT_MS) - RESERVE_MS;
    const deadlineMs = now() + Math.max(0, leftMs);
    const named = await namespacesOf(parseEvent(event), namespaces, (keys) =>
      textOf(keys, TABLES.log.partitionKey.name),
    );
    await forEachNamespace(named, async (namespace) => {
      const run = materializer(namespace);
      for (;;) {
        const { more, lagMs } = await run.run({ deadlineMs });
        health?.('MaterializeLagMs', lagMs);
        if (!more) return;
        if (now() >= deadlineMs)
          throw new UnfinishedError(`the log of ${namespace} is longer than one call can work off`);
      }
    });
  };
}
