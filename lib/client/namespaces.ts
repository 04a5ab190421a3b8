import { systemClock, type Clock } from '../base/clock.js';
import { systemRandom, type Random } from '../base/random.js';
import { NamespaceRegistry, type NamespaceLimits, type NamespaceUsage } from '../keeper/registry.js';
import { openStore } from './direct/store.js';
import type { DirectStoreOptions } from './direct/options.js';
import { lambdaAliases } from './transports/lambda/aliases.js';

export { NamespaceError, type NamespaceErrorCode } from '../keeper/registry.js';
export type { Counters } from '../log/entry.js';
export type { NamespaceLimits, NamespaceRecord, NamespaceUsage } from '../keeper/registry.js';

/** Where the tables are, and the function whose aliases clients invoke. */
export interface NamespacesOptions extends DirectStoreOptions {
  /**
   * The function `api`. {@link Namespaces.create} then makes the namespace's alias, and {@link Namespaces.delete} takes it away. Leave it
   * out for namespaces that the stack has: their aliases are the stack's.
   */
  readonly functionName?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

/**
 * The namespaces of a deployment: tenants that share tables and functions and see nothing of each other. Whoever uses it holds
 * permissions on the tables (`grantNamespaces` of the construct), which no tenant has.
 */
export interface Namespaces {
  /** Throws {@link NamespaceError} `NamespaceExists`, `NamespaceDeleted` for a name that was used before, `BadArguments`. */
  create(name: string, limits?: NamespaceLimits): Promise<void>;
  /** All that are there, with their limits and what they held a moment ago. */
  list(): Promise<readonly NamespaceUsage[]>;
  /**
   * Replaces the limits. They hold for every writer within ten seconds: what would exceed one is refused with QuotaExceeded, and a session
   * too many as overload. What makes a namespace smaller is never refused. Throws {@link NamespaceError} `NoNamespace`.
   */
  limit(name: string, limits: NamespaceLimits): Promise<void>;
  /**
   * Lets it be written in a later format of entries and rows, when every reader has been upgraded (docs/OPERATIONS.md). It cannot be taken
   * back. Throws {@link NamespaceError} `NoNamespace`, `BadArguments`, `FormatNotRead`, `FormatNotNewer`.
   */
  switchFormat(name: string, format: number): Promise<void>;
  /**
   * Takes it out of service: within ten seconds nothing is written to it any more. Its rows stay, and its name is not given out
   * again. Throws {@link NamespaceError} `NoNamespace`.
   */
  delete(name: string): Promise<void>;
  /** Closes what was opened, and nothing that the application brought. */
  close(): void;
}

/**
 * Opens the list of a deployment's namespaces.
 *
 * @example
 * ```ts
 * import { openNamespaces } from 'zerokeeper';
 *
 * const namespaces = await openNamespaces({ tablePrefix: 'orders', functionName: 'orders-api' });
 * await namespaces.create('team-a', { znodes: 10_000, bytes: 50_000_000, sessions: 200 });
 * for (const { name, usage } of await namespaces.list()) console.log(name, usage.znodes);
 * namespaces.close();
 * ```
 */
export async function openNamespaces(options: NamespacesOptions = {}): Promise<Namespaces> {
  const { clock = systemClock, random = systemRandom, functionName, region } = options;
  const opened = await openStore(options, clock);
  const registry = new NamespaceRegistry({ store: opened.store, clock: opened.clock, random });
  const aliases = functionName === undefined ? undefined : lambdaAliases({ functionName, region });
  return {
    // The alias comes last and goes first: nobody can call for a namespace that is not on the list.
    create: async (name, limits) => {
      await registry.create(name, limits);
      await aliases?.create(name);
    },
    list: () => registry.list(),
    limit: (name, limits) => registry.limit(name, limits),
    switchFormat: (name, format) => registry.switchFormat(name, format),
    delete: async (name) => {
      await aliases?.delete(name);
      await registry.delete(name);
    },
    close: () => opened.close(),
  };
}
