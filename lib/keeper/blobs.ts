import type { BlobReference, Zxid } from '../core/types.js';
import type { Item, Key, Store } from '../log/store.js';
import { BLOB_CHUNK_BYTES, BLOB_GARBAGE_DUE_MS, BLOBS_UNCONFIRMED_MAX } from './limits.js';
import type { Pacing } from './retry.js';
import { withRetries } from './retry.js';
import { garbageRow, rowKey, stateKey } from './rows.js';
import { KeeperError } from './types.js';

/**
 * Blobs: immutable byte strings under random names, cut into rows. A blob is written before the transaction that names it,
 * so whoever sees the transaction can read it. A row in the garbage list goes ahead of it, because a writer may die
 * between the two; the writer takes the row off again when its entry has won, or the sweep decides whether any entry
 * names the blob (see garbage.ts).
 */
export class Blobs {
  readonly #options: { readonly store: Store; readonly namespace: string } & Pacing;
  /** Garbage rows of blobs that this process wrote, by the blob's id. Whatever falls out is left to the sweep. */
  readonly #unconfirmed = new Map<string, Key>();

  constructor(options: { readonly store: Store; readonly namespace: string } & Pacing) {
    this.#options = options;
  }

  /** Writes a blob that only entries above `from` are going to name: an entry's end that the writer has read. */
  async write(content: Uint8Array, from: Zxid): Promise<BlobReference> {
    const { namespace, clock, random } = this.#options;
    const id = Buffer.from(random.bytes(16)).toString('hex');
    const reference = { blob: id, length: content.length };
    const dueMs = clock.now() + BLOB_GARBAGE_DUE_MS;
    const garbage = garbageRow(namespace, { reference, dueMs, from });
    await this.#put(garbage);
    this.#remember(id, { partition: garbage['pk'] as string, sort: garbage['sk'] as string });
    const chunks: Promise<unknown>[] = [];
    for (let at = 0; at < content.length; at += BLOB_CHUNK_BYTES) {
      const key = stateKey.blobChunk(namespace, id, at / BLOB_CHUNK_BYTES);
      chunks.push(this.#put({ ...rowKey(key), d: content.subarray(at, at + BLOB_CHUNK_BYTES) }));
    }
    await Promise.all(chunks);
    return reference;
  }

  /** Throws `Compacted` when the blob is gone: whoever asks for it stands at a past that has been trimmed. */
  async read(reference: BlobReference): Promise<Uint8Array> {
    const { store } = this.#options;
    const content = new Uint8Array(reference.length);
    const chunks = this.#chunkKeys(reference).map(async (key, chunk) => {
      const row = await withRetries(this.#options, () => store.get('state', key));
      const bytes = row?.['d'];
      if (!(bytes instanceof Uint8Array)) {
        throw new KeeperError('Compacted', `blob ${reference.blob} has no chunk ${chunk} any more`);
      }
      content.set(bytes, chunk * BLOB_CHUNK_BYTES);
    });
    await Promise.all(chunks);
    return content;
  }

  /**
   * Takes blobs of this process off the garbage list, because an entry that has won its slot names them. Never rejects: a
   * row that stays costs the sweep a look at the log, no more.
   */
  async confirm(ids: readonly string[]): Promise<void> {
    const keys = ids.map((id) => this.#unconfirmed.get(id)).filter((key) => key !== undefined);
    for (const id of ids) this.#unconfirmed.delete(id);
    await this.#tidy(() => this.#deleteAll(keys));
  }

  /**
   * Deletes blobs of this process that no entry can name any more: their request was refused, or the slot that their entry
   * was written for went to another. Never rejects: what stays is the sweep's.
   */
  async discard(references: readonly BlobReference[]): Promise<void> {
    const own = references.filter(({ blob }) => this.#unconfirmed.has(blob));
    await this.#tidy(async () => {
      await this.delete(own);
      await this.confirm(own.map(({ blob }) => blob));
    });
  }

  /** Deletes the chunks of blobs that nothing names. */
  async delete(references: readonly BlobReference[]): Promise<void> {
    await this.#deleteAll(references.flatMap((reference) => this.#chunkKeys(reference)));
  }

  #remember(id: string, key: Key): void {
    this.#unconfirmed.set(id, key);
    if (this.#unconfirmed.size <= BLOBS_UNCONFIRMED_MAX) return;
    const [oldest] = this.#unconfirmed.keys();
    if (oldest !== undefined) this.#unconfirmed.delete(oldest);
  }

  #chunkKeys({ blob, length }: BlobReference): Key[] {
    const count = Math.ceil(length / BLOB_CHUNK_BYTES);
    return Array.from({ length: count }, (_, chunk) =>
      stateKey.blobChunk(this.#options.namespace, blob, chunk),
    );
  }

  async #put(item: Item): Promise<void> {
    await withRetries(this.#options, () => this.#options.store.put({ table: 'state', item }));
  }

  async #deleteAll(keys: readonly Key[]): Promise<void> {
    const { store } = this.#options;
    await Promise.all(
      keys.map((key) => withRetries(this.#options, () => store.delete({ table: 'state', key }))),
    );
  }

  async #tidy(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // The garbage list still has the blob, and the sweep comes to the same end.
      if (!(error instanceof KeeperError)) throw error;
    }
  }
}
