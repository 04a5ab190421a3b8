/** What a recipe tells about itself. */
export interface RecipeMetric {
  /** As the class is called: `Mutex`, `LeaderLatch`. */
  readonly recipe: string;
  readonly path: string;
  /**
   * - `acquired`: in, through, or given an item; `durationMs` is what the wait took.
   * - `released`: out again; `durationMs` is how long it was held.
   * - `lost`: held no longer without having been released; `durationMs` as above.
   * - `gaveUp`: the wait was aborted or took too long.
   * - `overtaken`: somebody else's change came first, and it is tried again.
   * - `rejoined`: the znode was deleted while it stood in the line, which it joined again at its end; or while it was kept, and was made again.
   * - `updated`: a new state was seen.
   * - `cleanupFailed`: a znode could not be deleted though the session lives.
   * - `processed`, `failed`: an item of a queue.
   */
  readonly name:
    | 'acquired'
    | 'released'
    | 'lost'
    | 'gaveUp'
    | 'overtaken'
    | 'rejoined'
    | 'updated'
    | 'cleanupFailed'
    | 'processed'
    | 'failed';
  readonly durationMs?: number | undefined;
  readonly error?: unknown;
}

export type MetricListener = (metric: RecipeMetric) => void;

/** Tells the listener. What that throws harms nobody: it becomes a warning of the process. */
export function report(listener: MetricListener | undefined, metric: RecipeMetric): void {
  try {
    listener?.(metric);
  } catch (error) {
    warn('a metrics listener failed', error);
  }
}

export function warn(what: string, error: unknown): void {
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(`${what}: ${told}`);
}
