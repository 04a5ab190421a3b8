import type { MultiOperation, WriteRequest, ZnodeData } from '../core/types.js';
import type { Instant } from '../base/instant.js';
import { elapsedMs, instantOf } from '../base/instant.js';
import { BLOB_GARBAGE_DUE_MS, BLOB_REWRITE_MARGIN_MS, INLINE_DATA_BYTES_MAX } from './limits.js';
import type { Replica } from './replica.js';

/** A write that waits for its slot. Its request comes to name blobs in place of large data. */
export interface Externalizable {
  request: WriteRequest;
}

interface Externalized {
  /** The request as it came, with its data. */
  readonly original: WriteRequest;
  /** Before the first of its blobs was written. */
  readonly at: Instant;
}

const externalized = new WeakMap<Externalizable, Externalized>();

/** Bytes of data that a request brings with it. */
export function dataBytesOf(request: WriteRequest): number {
  if (request.kind === 'multi') {
    return request.operations.reduce((sum, operation) => sum + dataBytesOf(operation), 0);
  }
  if (request.kind !== 'create' && request.kind !== 'setData') return 0;
  return request.data instanceof Uint8Array ? request.data.length : 0;
}

/**
 * Writes data that is too large for a record as blobs and puts their references into the requests. Goes before the append,
 * so that whoever reads the transaction can read the blob. Requests that name blobs already are passed over, unless the blobs
 * are due: then they are written again, under new names.
 */
export async function externalizeData(batch: readonly Externalizable[], replica: Replica): Promise<void> {
  const large = batch.filter((pending) => hasLargeData(pending.request) || isDue(pending, replica));
  await Promise.all(
    large.map(async (pending) => {
      const original = externalized.get(pending)?.original ?? pending.request;
      const at = instantOf(replica.options.clock);
      pending.request = await externalize(original, replica);
      externalized.set(pending, { original, at });
    }),
  );
}

/**
 * True when the sweep may have deleted a blob that a request names (section 2 of the design): its writer was frozen for
 * days. To be asked when the head that the batch is planned on is fixed, with nothing to wait for between that and the
 * plan: the sweep appends a no-op before it deletes, so a plan on an older head loses its slot, and on a newer head the
 * due time has come by now.
 */
export function hasDueBlobs(batch: readonly Externalizable[], replica: Replica): boolean {
  return batch.some((pending) => isDue(pending, replica));
}

function isDue(pending: Externalizable, replica: Replica): boolean {
  const written = externalized.get(pending);
  if (written === undefined) return false;
  const ageMs = elapsedMs(written.at, instantOf(replica.options.clock));
  return ageMs >= BLOB_GARBAGE_DUE_MS - BLOB_REWRITE_MARGIN_MS;
}

function hasLargeData(request: WriteRequest): boolean {
  if (request.kind === 'multi') return request.operations.some(hasLargeData);
  if (request.kind !== 'create' && request.kind !== 'setData') return false;
  return isLarge(request.data);
}

function isLarge(data: ZnodeData): data is Uint8Array {
  return data instanceof Uint8Array && data.length > INLINE_DATA_BYTES_MAX;
}

async function externalize<R extends WriteRequest>(request: R, replica: Replica): Promise<R> {
  if (request.kind === 'multi') {
    const operations: MultiOperation[] = await Promise.all(
      request.operations.map((operation) => externalize(operation, replica)),
    );
    return { ...request, operations };
  }
  if (request.kind !== 'create' && request.kind !== 'setData') return request;
  if (!isLarge(request.data)) return request;
  const reference = await replica.blobs.write(request.data, replica.head);
  replica.view.setBlob(reference.blob, request.data);
  return { ...request, data: reference };
}
