import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { Counters } from '../log/entry.js';
import { FORMAT_UNSWITCHED } from '../log/formats/all.js';
import { newestFormat } from '../log/formats/lookup.js';
import type { Item, Key, Store } from '../log/store.js';
import { gatewayOfRow, type GatewayLeaseRow } from './gateway-lease.js';
import { NAMESPACES_READ_PARALLEL_MAX } from './limits.js';
import { queryAll } from './query.js';
import { withRetries } from './retry.js';
import { leaseKey, stateKey, watermarkOfRow } from './rows.js';
import { Semaphore } from './semaphore.js';

/**
 * Who the tenants are and how much each may hold. The rows are in the table `state` and outside of every namespace's partitions, whose
 * keys begin with its name: no name is empty, so what a tenant may do to its own partitions does not reach its limits.
 *
 *   state   #namespaces           name              gone: when it was deleted, ms
 *           #namespace#NAME       -                 created, gone: ms; znodes, bytes, sessions: its limits; format: what it is written in
 */
export const registryKey = {
  names: '#namespaces',
  listed: (name: string): Key => ({ partition: registryKey.names, sort: name }),
  namespace: (name: string): Key => ({ partition: `#namespace#${name}`, sort: '-' }),
};

/** The most that a namespace may hold. What is left out has no limit. */
export interface NamespaceLimits {
  readonly znodes?: number;
  /** Of all znodes' data together. */
  readonly bytes?: number;
  readonly sessions?: number;
}

export const LIMIT_NAMES = ['znodes', 'bytes', 'sessions'] as const;

export interface NamespaceRecord {
  readonly name: string;
  readonly createdAtMs: number;
  readonly deletedAtMs?: number;
  readonly limits: NamespaceLimits;
  /** The format of entries and rows that it was switched to last; left out, it is written in the one that the previous release reads. */
  readonly format?: number;
}

/** A namespace, and what it holds as of its watermark. */
export interface NamespaceUsage extends NamespaceRecord {
  readonly usage: Pick<Counters, 'znodes' | 'bytes' | 'sessions'>;
}

export type NamespaceErrorCode =
  /** There is one of this name. */
  | 'NamespaceExists'
  /** There is none of this name. */
  | 'NoNamespace'
  /** There was one, and its name is not given out again: its log stays, so that no writer that slept can begin it anew. */
  | 'NamespaceDeleted'
  /** No name, no limit, or no format that this release knows. */
  | 'BadArguments'
  /** A gateway or an embedded client is running that could not read it. */
  | 'FormatNotRead'
  /** It is written in a later format already, and that cannot be taken back. */
  | 'FormatNotNewer';

export class NamespaceError extends Error {
  override readonly name = 'NamespaceError';
  readonly code: NamespaceErrorCode;

  constructor(code: NamespaceErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface RegistryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

/** Creates, lists, limits and deletes namespaces. Keepers learn of a change within `NAMESPACE_REFRESH_MS`. */
export class NamespaceRegistry {
  readonly #options: RegistryOptions;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** All that were ever created, by name, and whether they have been deleted. One query. */
  async names(): Promise<readonly { readonly name: string; readonly isDeleted: boolean }[]> {
    const query = { store: this.#options.store, table: 'state', partition: registryKey.names } as const;
    const rows = await queryAll(this.#options, query);
    return rows.map((row) => ({ name: String(row['sk']), isDeleted: row['gone'] !== undefined }));
  }

  /** All that are there, with their limits and what they hold. */
  async list(): Promise<readonly NamespaceUsage[]> {
    const semaphore = new Semaphore(NAMESPACES_READ_PARALLEL_MAX);
    const names = (await this.names()).filter(({ isDeleted }) => !isDeleted);
    return Promise.all(names.map(({ name }) => semaphore.run(() => this.#usage(name))));
  }

  async get(name: string): Promise<NamespaceRecord | undefined> {
    const row = await this.#read(registryKey.namespace(name));
    return row && recordOf(name, row);
  }

  /** Throws {@link NamespaceError} `NamespaceExists`, `NamespaceDeleted`, `BadArguments`. */
  async create(name: string, limits: NamespaceLimits = {}): Promise<void> {
    checkName(name);
    checkLimits(limits);
    const created = this.#options.clock.now();
    const row = { ...itemKey(registryKey.namespace(name)), created, ...limits };
    const condition = [{ kind: 'absent' }] as const;
    const outcome = await this.#retry((store) => store.put({ table: 'state', item: row, condition }));
    // In the list also when it was there: whoever created it may have come to its end between the two rows.
    await this.#retry((store) =>
      store.put({ table: 'state', item: itemKey(registryKey.listed(name)), condition }),
    );
    if (outcome.ok) return;
    // A put that is sent again because its answer was lost finds its own row.
    if (outcome.existing?.['created'] === created) return;
    if (outcome.existing?.['gone'] !== undefined) throw deleted(name);
    throw new NamespaceError('NamespaceExists', `there is a namespace ${name} already`);
  }

  /** Replaces the limits; what holds more than it may from now on can still shrink. Throws {@link NamespaceError}. */
  async limit(name: string, limits: NamespaceLimits): Promise<void> {
    checkLimits(limits);
    await this.#change(name, {
      set: { ...limits },
      remove: LIMIT_NAMES.filter((limit) => limits[limit] === undefined),
    });
  }

  /**
   * Nothing is written to it any more, no function looks after it, and its name is not given out again. Its rows stay. Deleting it
   * again changes nothing. Throws {@link NamespaceError} `NoNamespace`.
   */
  async delete(name: string): Promise<void> {
    const gone = this.#options.clock.now();
    try {
      await this.#change(name, { set: { gone } });
    } catch (error) {
      if (!(error instanceof NamespaceError) || error.code !== 'NamespaceDeleted') throw error;
    }
    const item = { ...itemKey(registryKey.listed(name)), gone };
    await this.#retry((store) => store.put({ table: 'state', item }));
  }

  /**
   * Lets the namespace be written in a later format from now on, within `NAMESPACE_REFRESH_MS`. There is no way back: releases that do not
   * read it can do nothing with the namespace any more. Gateways and embedded clients are asked whether they can; functions and clients
   * that are not running cannot be asked. Switching again to the same format changes nothing. Throws {@link NamespaceError}
   * `NoNamespace`, `BadArguments`, `FormatNotRead`, `FormatNotNewer`.
   */
  async switchFormat(name: string, format: number): Promise<void> {
    if (!Number.isSafeInteger(format) || format < 1 || format > newestFormat()) {
      throw new NamespaceError('BadArguments', `this release knows the formats from 1 to ${newestFormat()}`);
    }
    const { format: before = FORMAT_UNSWITCHED } = await this.#existing(name);
    if (before === format) return;
    if (before > format) {
      throw new NamespaceError('FormatNotNewer', `the namespace ${name} has format ${before} already`);
    }
    const older = (await this.#gateways(name)).find((gateway) => gateway.newestFormat < format);
    if (older !== undefined) {
      const who = `${older.kind ?? 'gateway'} ${older.address}`;
      throw new NamespaceError(
        'FormatNotRead',
        `${who} reads formats up to ${older.newestFormat}: upgrade it first`,
      );
    }
    await this.#change(name, { set: { format } });
  }

  /** The gateways and embedded clients that have not ended. */
  async #gateways(name: string): Promise<readonly GatewayLeaseRow[]> {
    const query = {
      store: this.#options.store,
      table: 'leases',
      partition: leaseKey.gateways(name),
    } as const;
    const rows = await queryAll(this.#options, query);
    return rows.map(gatewayOfRow).filter(({ deadlineMs }) => deadlineMs > this.#options.clock.now());
  }

  async #existing(name: string): Promise<NamespaceRecord> {
    const record = await this.get(name);
    if (record === undefined) throw new NamespaceError('NoNamespace', `there is no namespace ${name}`);
    if (record.deletedAtMs !== undefined) throw deleted(name);
    return record;
  }

  async #change(name: string, change: { set: Item; remove?: readonly string[] }): Promise<void> {
    await this.#existing(name);
    const key = registryKey.namespace(name);
    const condition = [{ kind: 'exists' }] as const;
    await this.#retry((store) => store.update({ table: 'state', key, ...change, condition }));
  }

  async #usage(name: string): Promise<NamespaceUsage> {
    const [record, watermark] = await Promise.all([this.get(name), this.#read(stateKey.watermark(name))]);
    const { znodes = 0, bytes = 0, sessions = 0 } = watermark ? watermarkOfRow(watermark).counters : {};
    return { ...(record ?? { name, createdAtMs: 0, limits: {} }), usage: { znodes, bytes, sessions } };
  }

  #read(key: Key): Promise<Item | undefined> {
    return this.#retry((store) => store.get('state', key));
  }

  #retry<T>(call: (store: Store) => Promise<T>): Promise<T> {
    return withRetries(this.#options, () => call(this.#options.store));
  }
}

/** What a row of a namespace says. */
export function recordOf(name: string, row: Item): NamespaceRecord {
  const limits = LIMIT_NAMES.flatMap((limit) =>
    row[limit] === undefined ? [] : [[limit, row[limit]] as const],
  );
  const { created, gone, format } = row;
  return {
    name,
    createdAtMs: Number(created ?? 0),
    ...(gone === undefined ? {} : { deletedAtMs: Number(gone) }),
    limits: Object.fromEntries(limits),
    ...(format === undefined ? {} : { format: Number(format) }),
  };
}

function itemKey({ partition, sort }: Key): Item {
  return { pk: partition, sk: sort };
}

function deleted(name: string): NamespaceError {
  return new NamespaceError(
    'NamespaceDeleted',
    `the namespace ${name} was deleted, and its name is not used again`,
  );
}

/** A namespace is an alias of a function, a stage of an API, and the beginning of keys: what all three take. */
export function checkName(name: string): void {
  if (/^(?!\d+$)[A-Za-z0-9_-]{1,64}$/.test(name)) return;
  throw new NamespaceError(
    'BadArguments',
    `the namespace ${name}: letters, digits, _ and -, not digits alone, at most 64`,
  );
}

function checkLimits(limits: NamespaceLimits): void {
  for (const limit of LIMIT_NAMES) {
    const value = limits[limit];
    if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) continue;
    throw new NamespaceError('BadArguments', `the limit of ${limit} has to be a whole number from 0 on`);
  }
}
