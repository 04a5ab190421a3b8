import { assert } from '../base/assert.js';

const SLAB_BYTES = 32 * 1024;
const TWO_32 = 0x1_0000_0000;

/**
 * Writes jute into a slab of memory. {@link JuteWriter.take} gives out what has been written and the next record goes
 * behind it, so bytes that were handed to a socket are never written again, and small frames cost no allocation of
 * their own.
 */
export class JuteWriter {
  #bytes = Buffer.allocUnsafe(SLAB_BYTES);
  /** Where the bytes start that have not been taken yet. */
  #start = 0;
  #offset = 0;
  /** Where the length of the open frame goes, or −1. */
  #frame = -1;

  /** Bytes that have been written and not taken. */
  get pending(): number {
    return this.#offset - this.#start;
  }

  writeInt32(value: number): void {
    this.#ensure(4);
    const bytes = this.#bytes;
    const at = this.#offset;
    bytes[at] = value >> 24;
    bytes[at + 1] = value >> 16;
    bytes[at + 2] = value >> 8;
    bytes[at + 3] = value;
    this.#offset = at + 4;
  }

  writeInt64(value: bigint): void {
    this.#ensure(8);
    this.#bytes.writeBigInt64BE(BigInt.asIntN(64, value), this.#offset);
    this.#offset += 8;
  }

  /** A safe integer as int64. */
  writeSafeInt64(value: number): void {
    assert(Number.isSafeInteger(value), 'not a safe integer');
    this.writeInt32(Math.floor(value / TWO_32) | 0);
    this.writeInt32(value | 0);
  }

  writeBoolean(value: boolean): void {
    this.#ensure(1);
    this.#bytes[this.#offset++] = value ? 1 : 0;
  }

  writeBuffer(value: Uint8Array): void {
    this.#ensure(4 + value.length);
    this.writeInt32(value.length);
    this.#bytes.set(value, this.#offset);
    this.#offset += value.length;
  }

  writeString(value: string): void {
    // No UTF-16 unit takes more than three bytes in UTF-8.
    this.#ensure(4 + value.length * 3);
    const length = this.#bytes.write(value, this.#offset + 4, 'utf8');
    this.writeInt32(length);
    this.#offset += length;
  }

  writeVector<T>(elements: readonly T[], writeElement: (writer: JuteWriter, element: T) => void): void {
    this.writeInt32(elements.length);
    for (const element of elements) writeElement(this, element);
  }

  writeStrings(values: readonly string[]): void {
    this.writeVector(values, writeString);
  }

  /** Opens a frame: its length is filled in by {@link endFrame}. */
  beginFrame(): void {
    assert(this.#frame === -1, 'a frame is open already');
    this.#frame = this.pending;
    this.writeInt32(0);
  }

  endFrame(): void {
    assert(this.#frame !== -1, 'no frame is open');
    const at = this.#start + this.#frame;
    this.#bytes.writeInt32BE(this.#offset - at - 4, at);
    this.#frame = -1;
  }

  /** Drops the open frame, as if it had not been begun. */
  dropFrame(): void {
    assert(this.#frame !== -1, 'no frame is open');
    this.#offset = this.#start + this.#frame;
    this.#frame = -1;
  }

  /** Drops what was written after the first `length` pending bytes. */
  truncate(length: number): void {
    assert(this.#frame === -1, 'a frame is open');
    assert(length >= 0 && length <= this.pending, 'cannot truncate to more than is pending');
    this.#offset = this.#start + length;
  }

  /** Gives everything that has been written since the last take. The bytes now belong to the caller. */
  take(): Buffer {
    assert(this.#frame === -1, 'a frame is open');
    const taken = this.#bytes.subarray(this.#start, this.#offset);
    this.#start = this.#offset;
    return taken;
  }

  #ensure(length: number): void {
    if (this.#offset + length <= this.#bytes.length) return;
    const pending = this.pending;
    const needed = pending + length;
    const grown = Buffer.allocUnsafe(Math.max(SLAB_BYTES, needed > SLAB_BYTES ? needed * 2 : 0));
    this.#bytes.copy(grown, 0, this.#start, this.#offset);
    this.#bytes = grown;
    this.#start = 0;
    this.#offset = pending;
  }
}

function writeString(writer: JuteWriter, value: string): void {
  writer.writeString(value);
}
