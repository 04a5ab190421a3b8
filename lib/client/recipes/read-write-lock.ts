import type { Data, ZeroKeeperClient } from '../index.js';
import { HeldNode } from './support/held-node.js';
import { lineUp, previous, type Blocker, type LineInit } from './support/line.js';
import { NodeHold, type Acquirable, type Held } from './support/lock.js';
import { multiOnce } from './support/multi.js';
import { join, nameOf } from './support/names.js';
import { RecipeContext, type RecipeOptions } from './support/recipe.js';
import { untilAnswered, type WaitOptions } from './support/waiting.js';

export interface ReadWriteLockOptions extends RecipeOptions {
  /** Written into the contenders' znodes, for people who look: a host, a process. */
  readonly identifier?: Data;
}

/** Curator's names, so that its InterProcessReadWriteLock stands in the same line. */
const READ = '__READ__';
const WRITE = '__WRIT__';
/** kazoo's ReadLock. Every other name is a writer's, so that nobody shares a lock with a stranger. */
const KAZOO_READ = '__rlock__';

/**
 * A lock that many may hold to read, or one to write.
 *
 * **Guarantees.** While a writer holds it nobody else does. It is fair: readers and writers get it in the order in which they
 * came, so writers do not starve; readers that stand next to each other hold it together. A writer can go on as a reader
 * without anybody coming between ({@link WriteHold.downgrade}). A departure wakes the next writer, or the readers behind
 * it, and nobody else.
 *
 * **Failure modes.** Those of {@link Mutex}. It is not reentrant: who holds it to read and waits to write waits for ever.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { ReadWriteLock } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const lock = new ReadWriteLock(client, '/locks/catalogue');
 * const writing = await lock.write.acquire();
 * console.log('I write, with token', writing.fencingToken);
 * await using reading = await writing.downgrade();
 * console.log('I read what I wrote, together with others', reading.isHeld);
 * ```
 */
export class ReadWriteLock {
  /** Held together with other readers. */
  readonly read: Acquirable;
  /** Held alone. */
  readonly write: Acquirable<WriteHold>;
  readonly #context: RecipeContext;

  constructor(client: ZeroKeeperClient, path: string, options: ReadWriteLockOptions = {}) {
    const context = new RecipeContext('ReadWriteLock', client, { ...options, path });
    this.#context = context;
    const line = { directory: path, data: options.identifier };
    const acquire = async (how: WaitOptions, init: LineInit) => {
      const node = await lineUp(context, init, how);
      return new HeldNode(context, { path: node.path, fencingToken: node.czxid });
    };
    const readers = { ...line, prefix: READ, blocker: lastWriter };
    const writers = { ...line, prefix: WRITE, blocker: previous };
    this.read = { path, acquire: async (how = {}) => new NodeHold(await acquire(how, readers)) };
    this.write = { path, acquire: async (how = {}) => new WriteHold(context, await acquire(how, writers)) };
  }

  get path(): string {
    return this.#context.path;
  }

  /** Resolves when nothing is left to tidy up behind acquisitions that were given up. */
  settled(): Promise<void> {
    return this.#context.cleanup.settled();
  }
}

const isReader = (name: string) => name.includes(READ) || name.includes(KAZOO_READ);

/** A reader waits for the last writer that came before it. */
const lastWriter: Blocker = (line, position) =>
  line.slice(0, position).findLast(({ name }) => !isReader(name));

/** The right to write. */
export class WriteHold extends NodeHold {
  readonly #context: RecipeContext;
  readonly #node: HeldNode;
  #downgrading: Promise<Held> | undefined;

  /** @internal */
  constructor(context: RecipeContext, node: HeldNode) {
    super(node);
    this.#context = context;
    this.#node = node;
  }

  /**
   * Goes on as a reader, at the same place of the line and with the same fencing token; nobody writes in between. Readers
   * who wait behind get in. This hold is over then: release the other. Rejects with LockLostError when the lock is held no
   * longer.
   */
  downgrade(): Promise<Held> {
    this.#downgrading ??= this.#downgrade().catch((error: unknown) => {
      this.#downgrading = undefined;
      throw error;
    });
    return this.#downgrading;
  }

  override async release(): Promise<void> {
    const isOver = await this.#downgrading?.then(
      () => true,
      () => false,
    );
    if (isOver !== true) await super.release();
  }

  /** The sequence number in a name can be kept: a reader's znode takes the writer's place, in one transaction. */
  async #downgrade(): Promise<Held> {
    this.#node.throwIfLost();
    const { client, acl } = this.#context;
    const { path, fencingToken } = this.#node;
    const reader = join(this.#context.path, nameOf(path).replace(WRITE, READ));
    const { data } = await untilAnswered(client, { path }, () => client.get(path));
    const inputs = [
      { op: 'create', path: reader, data, mode: 'ephemeral', ...acl },
      { op: 'delete', path },
    ] as const;
    const happened = async () => (await client.exists(reader, { consistency: 'linearizable' })) !== undefined;
    await this.#node.replace(() => multiOnce(client, inputs, { path: reader, happened }));
    return new NodeHold(new HeldNode(this.#context, { path: reader, fencingToken }));
  }
}
