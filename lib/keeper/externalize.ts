import type { MultiOperation, WriteRequest, ZnodeData } from '../core/types.js';
import { INLINE_DATA_BYTES_MAX } from './limits.js';
import type { Replica } from './replica.js';

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
 * so that whoever reads the transaction can read the blob.
 */
export async function externalizeData(batch: { request: WriteRequest }[], replica: Replica): Promise<void> {
  const large = batch.filter(({ request }) => hasLargeData(request));
  await Promise.all(
    large.map(async (pending) => {
      pending.request = await externalize(pending.request, replica);
    }),
  );
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
  const reference = await replica.blobs.write(request.data);
  replica.view.setBlob(reference.blob, request.data);
  return { ...request, data: reference };
}
