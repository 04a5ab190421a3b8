import { assert } from '../base/assert.js';
import type { BlobReference } from '../core/types.js';
import type { Store } from '../log/store.js';
import { BLOB_CHUNK_BYTES, BLOB_GARBAGE_DUE_MS } from './limits.js';
import type { Pacing } from './retry.js';
import { withRetries } from './retry.js';
import { rowKey, stateKey } from './rows.js';

/**
 * Blobs: immutable byte strings under random names, cut into rows. A blob is written before the transaction that names it,
 * so whoever sees the transaction can read it. A row in the garbage list goes ahead of it, because a writer may die
 * between the two: a sweep decides later whether anything names the blob.
 */
export class Blobs {
  readonly #options: { readonly store: Store; readonly namespace: string } & Pacing;

  constructor(options: { readonly store: Store; readonly namespace: string } & Pacing) {
    this.#options = options;
  }

  async write(content: Uint8Array): Promise<BlobReference> {
    const { store, namespace, clock, random } = this.#options;
    const id = Buffer.from(random.bytes(16)).toString('hex');
    await this.markGarbage([id], clock.now() + BLOB_GARBAGE_DUE_MS);
    const chunks: Promise<unknown>[] = [];
    for (let at = 0; at < content.length; at += BLOB_CHUNK_BYTES) {
      const key = stateKey.blobChunk(namespace, id, at / BLOB_CHUNK_BYTES);
      const item = { ...rowKey(key), d: content.subarray(at, at + BLOB_CHUNK_BYTES) };
      chunks.push(withRetries(this.#options, () => store.put({ table: 'state', item })));
    }
    await Promise.all(chunks);
    return { blob: id, length: content.length };
  }

  async read(reference: BlobReference): Promise<Uint8Array> {
    const { store, namespace } = this.#options;
    const content = new Uint8Array(reference.length);
    const count = Math.ceil(reference.length / BLOB_CHUNK_BYTES);
    const chunks = Array.from({ length: count }, async (_, chunk) => {
      const key = stateKey.blobChunk(namespace, reference.blob, chunk);
      const row = await withRetries(this.#options, () => store.get('state', key));
      const bytes = row?.['d'];
      assert(bytes instanceof Uint8Array, `blob ${reference.blob} lost chunk ${chunk}`);
      content.set(bytes, chunk * BLOB_CHUNK_BYTES);
    });
    await Promise.all(chunks);
    return content;
  }

  /** Lists blobs that may be garbage: not confirmed by a transaction yet, or superseded by one. */
  async markGarbage(ids: readonly string[], dueMs: number): Promise<void> {
    const { store, namespace } = this.#options;
    const sort = (id: string) => `${String(Math.floor(dueMs)).padStart(15, '0')}#${id}`;
    await Promise.all(
      ids.map((id) =>
        withRetries(this.#options, () =>
          store.put({ table: 'state', item: { pk: stateKey.garbage(namespace), sk: sort(id), b: id } }),
        ),
      ),
    );
  }
}
