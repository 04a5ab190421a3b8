import { WireError } from './error.js';
import { FRAME_BYTES_MAX } from './limits.js';

const LENGTH_BYTES = 4;
const PARTIAL_BYTES_MIN = 1024;

/**
 * Splits a byte stream into frames: int32 length, then as many bytes.
 *
 * A frame that lies within one chunk is given as a view of that chunk. Memory for a frame in parts grows with what
 * has arrived, not with what its length claims.
 */
export class FrameReader {
  readonly #frameBytesMax: number;
  /** The start of a frame whose rest has not come, length prefix included. */
  #partial: Buffer = Buffer.alloc(0);
  #partialBytes = 0;

  constructor(frameBytesMax: number = FRAME_BYTES_MAX) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Bytes that wait for the rest of their frame. */
  get pending(): number {
    return this.#partialBytes;
  }

  /**
   * The frames that `chunk` completes, in order, without their length prefix. Throws a {@link WireError} for a length
   * that is negative or over the limit; the stream cannot be read on after that.
   */
  push(chunk: Buffer): Buffer[] {
    const frames: Buffer[] = [];
    let offset = this.#partialBytes > 0 ? this.#complete(chunk, frames) : 0;
    while (chunk.length - offset >= LENGTH_BYTES) {
      const end = offset + LENGTH_BYTES + this.#checkLength(chunk.readInt32BE(offset));
      if (end > chunk.length) break;
      frames.push(chunk.subarray(offset + LENGTH_BYTES, end));
      offset = end;
    }
    this.#keep(chunk, { from: offset, to: chunk.length });
    return frames;
  }

  /** Takes from `chunk` what the partial frame lacks, and returns how much that was. */
  #complete(chunk: Buffer, frames: Buffer[]): number {
    const prefixMissing = Math.max(0, LENGTH_BYTES - this.#partialBytes);
    const prefixTaken = Math.min(prefixMissing, chunk.length);
    this.#keep(chunk, { from: 0, to: prefixTaken });
    if (this.#partialBytes < LENGTH_BYTES) return prefixTaken;
    const total = LENGTH_BYTES + this.#checkLength(this.#partial.readInt32BE(0));
    const taken = prefixTaken + Math.min(total - this.#partialBytes, chunk.length - prefixTaken);
    this.#keep(chunk, { from: prefixTaken, to: taken });
    if (this.#partialBytes === total) {
      frames.push(this.#partial.subarray(LENGTH_BYTES, total));
      this.#partial = Buffer.alloc(0);
      this.#partialBytes = 0;
    }
    return taken;
  }

  #keep(chunk: Buffer, range: { from: number; to: number }): void {
    const length = range.to - range.from;
    if (length === 0) return;
    const needed = this.#partialBytes + length;
    if (needed > this.#partial.length) {
      const grown = Buffer.allocUnsafe(Math.max(PARTIAL_BYTES_MIN, needed * 2));
      this.#partial.copy(grown, 0, 0, this.#partialBytes);
      this.#partial = grown;
    }
    chunk.copy(this.#partial, this.#partialBytes, range.from, range.to);
    this.#partialBytes = needed;
  }

  #checkLength(length: number): number {
    if (length >= 0 && length <= this.#frameBytesMax) return length;
    throw new WireError(`frame of ${length} bytes; the limit is ${this.#frameBytesMax}`);
  }
}
