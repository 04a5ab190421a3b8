import type { SessionId } from '../../core/types.js';
import { withRetries } from '../../keeper/retry.js';
import { rowKey, text } from '../../keeper/rows.js';
import { watchKey } from '../../keeper/watch-rows.js';
import { CONNECTION_SECONDS, CONNECTIONS_MAX } from './limits.js';
import type { WatchStoreOptions } from './watch-store.js';

/** Which WebSocket connections belong to which session. Only hints go over them, so a row too many or too few loses nothing. */
export class Connections {
  readonly #options: WatchStoreOptions;

  constructor(options: WatchStoreOptions) {
    this.#options = options;
  }

  async add(session: SessionId, connectionId: string): Promise<void> {
    const { store, namespace, clock } = this.#options;
    const ttl = Math.floor(clock.now() / 1000) + CONNECTION_SECONDS;
    const bySession = rowKey(watchKey.ofSession(namespace, session, connectionId));
    const byId = rowKey(watchKey.connection(namespace, connectionId));
    await withRetries(this.#options, () =>
      store.put({ table: 'watches', item: { ...byId, s: session.toString(16), ttl } }),
    );
    await withRetries(this.#options, () => store.put({ table: 'watches', item: { ...bySession, ttl } }));
  }

  /** Forgets a connection, whosever it was. */
  async remove(connectionId: string): Promise<void> {
    const { store, namespace } = this.#options;
    const key = watchKey.connection(namespace, connectionId);
    const row = await withRetries(this.#options, () => store.get('watches', key));
    if (row === undefined) return;
    await this.removeOf(BigInt('0x' + text(row, 's')), connectionId);
  }

  async removeOf(session: SessionId, connectionId: string): Promise<void> {
    const { store, namespace } = this.#options;
    const bySession = watchKey.ofSession(namespace, session, connectionId);
    const byId = watchKey.connection(namespace, connectionId);
    await withRetries(this.#options, () => store.delete({ table: 'watches', key: bySession }));
    await withRetries(this.#options, () => store.delete({ table: 'watches', key: byId }));
  }

  /** Connections of a session that have not outlived their time, at most {@link CONNECTIONS_MAX}, those that end last first. */
  async of(session: SessionId): Promise<string[]> {
    const { store, namespace, clock } = this.#options;
    const partition = watchKey.connections(namespace, session);
    const page = await withRetries(this.#options, () => store.query({ table: 'watches', partition }));
    return page.items
      .filter((row) => (row['ttl'] as number) * 1000 > clock.now())
      .sort((a, b) => (b['ttl'] as number) - (a['ttl'] as number))
      .slice(0, CONNECTIONS_MAX)
      .map((row) => text(row, 'sk'));
  }
}
