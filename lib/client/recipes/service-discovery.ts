import {
  InvalidJsonError,
  NoNodeError,
  UnavailableError,
  type JsonSchema,
  type ZeroKeeperClient,
} from '../index.js';
import { ChildrenWatch } from './data-watch.js';
import { PersistentNode } from './persistent-node.js';
import { decodeJson } from './support/json.js';
import { warn } from './support/metrics.js';
import { join, newGuid } from './support/names.js';
import { checkName, RecipeContext, type RecipeOptions } from './support/recipe.js';
import { tellsOver, untilAnswered, type ChangeOptions, type WaitOptions } from './support/waiting.js';

/** One running instance of a service, in the JSON that Curator's service discovery writes. */
export interface ServiceInstance<Payload = unknown> {
  readonly name: string;
  readonly id: string;
  readonly address: string;
  readonly port: number | null;
  readonly sslPort: number | null;
  readonly payload: Payload | null;
  readonly registrationTimeUTC: number;
  readonly serviceType: 'DYNAMIC';
  readonly uriSpec: null;
}

export interface Registration<Payload> extends WaitOptions {
  readonly address: string;
  readonly port?: number;
  readonly sslPort?: number;
  readonly payload?: Payload;
  /** Default: a GUID. */
  readonly id?: string;
}

export interface ServiceDiscoveryOptions<Payload> extends RecipeOptions {
  /** Checks the payload of what was read. An instance whose payload it refuses is left out, with a warning. */
  readonly payload?: JsonSchema<Payload>;
}

/**
 * Who offers a service, and where.
 *
 * **Guarantees.** An instance is listed from its registration until it is closed or its session ends. A {@link ServiceProvider}
 * follows the instances as they come and go. Layout and JSON are those of Curator's service discovery.
 *
 * **Failure modes.** An instance that dies is offered until its session expires: callers try another one then. A provider that is
 * cut off offers what it knew last.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { ServiceDiscovery } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const services = new ServiceDiscovery(client, '/services');
 * await using instance = await services.register('billing', { address: '10.0.0.7', port: 8080 });
 * await using provider = await services.provider('billing');
 * console.log(provider.next().address, provider.instances.length);
 * ```
 */
export class ServiceDiscovery<Payload = unknown> {
  readonly #context: RecipeContext;
  readonly #options: ServiceDiscoveryOptions<Payload>;

  constructor(client: ZeroKeeperClient, path: string, options: ServiceDiscoveryOptions<Payload> = {}) {
    this.#context = new RecipeContext('ServiceDiscovery', client, { ...options, path });
    this.#options = options;
  }

  get path(): string {
    return this.#context.path;
  }

  /** Resolves when the instance is listed. Closing what it gives takes it off. */
  async register(name: string, registration: Registration<Payload>): Promise<PersistentNode> {
    checkName('a service', name);
    const { client } = this.#context;
    const { id = newGuid(client.random), address, port, sslPort, payload, ...wait } = registration;
    checkName('an instance', id);
    const instance: ServiceInstance<Payload> = {
      ...{ name, id, address, port: port ?? null, sslPort: sslPort ?? null, payload: payload ?? null },
      ...{ registrationTimeUTC: Math.floor(client.clock.now()), serviceType: 'DYNAMIC', uriSpec: null },
    };
    const data = JSON.stringify(instance);
    const node = new PersistentNode(client, join(join(this.path, name), id), { ...this.#options, data });
    try {
      await node.ready(wait);
      return node;
    } catch (error) {
      await node.close();
      throw error;
    }
  }

  /** The instances of a service now, by their ids' order. */
  async instances(
    name: string,
    { signal }: ChangeOptions = {},
  ): Promise<readonly ServiceInstance<Payload>[]> {
    checkName('a service', name);
    const directory = join(this.path, name);
    for await (const ids of new ChildrenWatch(this.#context.client, directory, { signal })) {
      return this.#read(directory, ids ?? [], signal);
    }
    return [];
  }

  /** Follows the instances of a service from now on; resolves when it knows those of now. */
  async provider(
    name: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<ServiceProvider<Payload>> {
    checkName('a service', name);
    const directory = join(this.path, name);
    const stop = new AbortController();
    const watch = new ChildrenWatch(this.#context.client, directory, {
      signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
    });
    const states = watch[Symbol.asyncIterator]();
    const next = async () => {
      const { value, done } = await states.next();
      if (done === true) return undefined;
      this.#context.report({ name: 'updated' });
      return this.#read(directory, value ?? []);
    };
    const first = (await next()) ?? [];
    return new ServiceProvider(name, { first, next, stop, client: this.#context.client });
  }

  async #read(
    directory: string,
    ids: readonly string[],
    signal?: AbortSignal,
  ): Promise<readonly ServiceInstance<Payload>[]> {
    const { client } = this.#context;
    const read = ids.map(async (id) => {
      const path = join(directory, id);
      try {
        const { data } = await untilAnswered(client, { path, signal }, () => client.get(path, { signal }));
        return [this.#decode(data, path)];
      } catch (error) {
        // Gone since it was listed.
        if (error instanceof NoNodeError) return [];
        if (!(error instanceof InvalidJsonError)) throw error;
        warn(`${path} is left out`, error);
        return [];
      }
    });
    return (await Promise.all(read)).flat();
  }

  #decode(data: Uint8Array, path: string): ServiceInstance<Payload> {
    const { payload: schema } = this.#options;
    return decodeJson<ServiceInstance<Payload>>(data, {
      path,
      schema: (value) => {
        const instance = value as ServiceInstance<Payload>;
        if (typeof instance.address !== 'string') throw new TypeError('an instance needs an address');
        if (schema === undefined) return instance;
        const payload =
          typeof schema === 'function' ? schema(instance.payload) : schema.parse(instance.payload);
        return { ...instance, payload };
      },
    });
  }
}

/** Picks one of a service's instances. */
export class ServiceProvider<Payload = unknown> implements AsyncDisposable {
  readonly name: string;
  readonly #client: ZeroKeeperClient;
  readonly #stop: AbortController;
  readonly #following: Promise<void>;
  #instances: readonly ServiceInstance<Payload>[];
  #turn = 0;

  /** @internal */
  constructor(
    name: string,
    init: {
      readonly first: readonly ServiceInstance<Payload>[];
      readonly next: () => Promise<readonly ServiceInstance<Payload>[] | undefined>;
      readonly stop: AbortController;
      readonly client: ZeroKeeperClient;
    },
  ) {
    this.name = name;
    this.#client = init.client;
    this.#instances = init.first;
    this.#stop = init.stop;
    this.#following = this.#follow(init.next);
  }

  get instances(): readonly ServiceInstance<Payload>[] {
    return this.#instances;
  }

  /** One after the other. Throws UnavailableError when there is none. */
  next(): ServiceInstance<Payload> {
    return this.#pick(this.#turn++);
  }

  /** Any of them. Throws UnavailableError when there is none. */
  random(): ServiceInstance<Payload> {
    return this.#pick(Math.floor(this.#client.random.float() * this.#instances.length));
  }

  /** Follows no more. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #pick(index: number): ServiceInstance<Payload> {
    const instance = this.#instances[index % Math.max(1, this.#instances.length)];
    if (instance !== undefined) return instance;
    const message = `there is no instance of ${this.name}`;
    throw new UnavailableError({ code: 0, message, retriable: true });
  }

  async #follow(next: () => Promise<readonly ServiceInstance<Payload>[] | undefined>): Promise<void> {
    try {
      for (let instances; (instances = await next()) !== undefined;) this.#instances = instances;
    } catch (error) {
      if (this.#stop.signal.aborted || tellsOver(this.#client, error)) return;
      warn(`the provider of ${this.name} follows no more`, error);
    }
  }
}
