import type { SessionId } from '../../../lib/core/types.js';
import { NO_SESSION, OPEN_ACL } from '../../../lib/core/types.js';
import { Notifier } from '../../../lib/api/watches/notifier.js';
import type { Pusher } from '../../../lib/api/watches/types.js';
import { StoredWatches } from '../../../lib/api/watches/thin-watches.js';
import type { Keeper } from '../../../lib/keeper/keeper.js';
import type { WriteRequest } from '../../../lib/core/types.js';
import type { Faults, SimulatedStore } from '../../../lib/log/simulated-store.js';
import { NAMESPACE, World } from '../../keeper/world.js';

export { NAMESPACE };

/** An instance of the service: a keeper, and the watches on its replica. */
export interface Instance {
  readonly keeper: Keeper;
  readonly watches: StoredWatches;
  readonly store: SimulatedStore;
}

/** A world with thin sessions. What is written here is written by a keeper without faults. */
export class WatchWorld extends World {
  readonly writer: Keeper = this.keeper();

  instance(faults: Partial<Faults> = {}): Instance {
    const store = this.connection(faults);
    const keeper = this.keeper({ store });
    return { keeper, watches: new StoredWatches(keeper.replica), store };
  }

  async started(faults: Partial<Faults> = {}): Promise<Instance> {
    const instance = this.instance(faults);
    await this.until(instance.keeper.start());
    return instance;
  }

  notifier(options: { store?: SimulatedStore; pusher?: Pusher } = {}): Notifier {
    const { clock, random } = this;
    const store = options.store ?? this.store;
    return new Notifier({
      ...{ store, namespace: NAMESPACE, clock, random },
      ...(options.pusher === undefined ? {} : { pusher: options.pusher }),
    });
  }

  notify(): Promise<unknown> {
    return this.until(this.notifier().run());
  }

  /** Returns the zxid; a refusal takes none. */
  async write(request: WriteRequest): Promise<number> {
    const origin = { session: NO_SESSION, epoch: 0, authIds: [] };
    return (await this.until(this.writer.write(request, origin))).zxid;
  }

  create(path: string): Promise<number> {
    return this.write({ kind: 'create', path, data: new Uint8Array(1), acl: OPEN_ACL, mode: 'persistent' });
  }

  set(path: string): Promise<number> {
    return this.write({ kind: 'setData', path, data: new Uint8Array(2), version: -1 });
  }

  delete(path: string): Promise<number> {
    return this.write({ kind: 'delete', path, version: -1 });
  }

  async open(session: SessionId, owner = ''): Promise<void> {
    const passwordHash = new Uint8Array(32);
    const attachId = '00'.repeat(16);
    await this.write({ kind: 'createSession', session, owner, attachId, timeoutMs: 30_000, passwordHash });
  }

  close(session: SessionId): Promise<number> {
    return this.write({ kind: 'closeSession', session, epoch: 1 });
  }
}
