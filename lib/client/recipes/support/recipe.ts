import { BadArgumentsError, ErrorCode, type Acl, type ZeroKeeperClient } from '../../index.js';
import { Cleanup } from './cleanup.js';
import { report, warn, type MetricListener, type RecipeMetric } from './metrics.js';
import { tellsOver } from './waiting.js';

/** What every recipe takes. */
export interface RecipeOptions {
  /** Of every znode that the recipe creates. Default: the client's. */
  readonly acl?: readonly Acl[] | undefined;
  /** Told what happens, for metrics and logs. What it throws becomes a warning of the process. */
  readonly onMetric?: MetricListener | undefined;
}

/** What every recipe is made of: a client, a path, and what is still to be tidied up. */
export class RecipeContext {
  readonly recipe: string;
  readonly client: ZeroKeeperClient;
  readonly path: string;
  readonly acl: { readonly acl?: readonly Acl[] };
  readonly cleanup: Cleanup;
  readonly #onMetric: MetricListener | undefined;

  constructor(recipe: string, client: ZeroKeeperClient, how: RecipeOptions & { readonly path: string }) {
    checkPath(how.path);
    this.recipe = recipe;
    this.client = client;
    this.path = how.path;
    this.acl = how.acl === undefined ? {} : { acl: how.acl };
    this.#onMetric = how.onMetric;
    this.cleanup = new Cleanup((error) => {
      // What is left goes with the session.
      if (tellsOver(client, error)) return;
      this.report({ name: 'cleanupFailed', error });
      warn(`${recipe} of ${how.path} could not tidy up`, error);
    });
  }

  report(metric: Omit<RecipeMetric, 'recipe' | 'path'>): void {
    report(this.#onMetric, { recipe: this.recipe, path: this.path, ...metric });
  }

  /** Tells how long a wait took, and that it ended with what it was for or was given up. */
  async waited<Result>(wait: () => Promise<Result>): Promise<Result> {
    const { clock } = this.client;
    const startMs = clock.monotonic();
    try {
      const result = await wait();
      this.report({ name: 'acquired', durationMs: clock.monotonic() - startMs });
      return result;
    } catch (error) {
      this.report({ name: 'gaveUp', durationMs: clock.monotonic() - startMs, error });
      throw error;
    }
  }

  /** The same for a path of the recipe's own. */
  at(path: string): RecipeContext {
    return new RecipeContext(this.recipe, this.client, { path, ...this.acl, onMetric: this.#onMetric });
  }
}

/** Typed and at once: a recipe is made long before its first request. */
function checkPath(path: unknown): void {
  if (typeof path === 'string' && /^(\/[^/\0]+)+$/.test(path)) return;
  const message = 'a recipe needs a path such as /locks/report';
  throw new BadArgumentsError({ code: ErrorCode.BadArguments, path: String(path), message });
}

/** A name that becomes a znode's. */
export function checkName(what: string, name: string): void {
  if (/^[^/\0]+$/.test(name) && name !== '.' && name !== '..') return;
  const message = `the name of ${what} must be that of a znode, without a slash`;
  throw new BadArgumentsError({ code: ErrorCode.BadArguments, path: name, message });
}

export function checkInteger(name: string, value: number, min: number): void {
  if (Number.isSafeInteger(value) && value >= min) return;
  const message = `${name} must be an integer from ${min}, but is ${value}`;
  throw new BadArgumentsError({ code: ErrorCode.BadArguments, message });
}
