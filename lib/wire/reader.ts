import { WireError } from './error.js';

const NULL_LENGTH = -1;
const EMPTY = Buffer.alloc(0);
const TWO_32 = 0x1_0000_0000;

/**
 * Reads jute, ZooKeeper's serialization: big-endian integers, strings and buffers with an int32 length (−1 for null),
 * vectors with an int32 count (−1 for null). Every read is bounded by the frame; what does not fit is a
 * {@link WireError}. Buffers that it gives are views of the frame: copy what outlives it.
 */
export class JuteReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  readInt32(): number {
    const at = this.#advance(4);
    return this.#bytes.readInt32BE(at);
  }

  readInt64(): bigint {
    const at = this.#advance(8);
    return this.#bytes.readBigInt64BE(at);
  }

  /** An int64 as a number. Beyond ±2^53 it is a {@link WireError}. */
  readSafeInt64(): number {
    const value = this.#int64AsNumber();
    if (!Number.isSafeInteger(value)) throw new WireError('int64 beyond 2^53');
    return value;
  }

  /**
   * An int64 as a number, where a value beyond ±2^53 means the same as the largest safe one: zxids that a client
   * claims to have seen, times to live.
   */
  readClampedInt64(): number {
    const value = this.#int64AsNumber();
    return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
  }

  readBoolean(): boolean {
    const at = this.#advance(1);
    return this.#bytes[at] !== 0;
  }

  /** Null reads as the empty buffer. A view of the frame. */
  readBuffer(): Buffer {
    return this.readNullableBuffer() ?? EMPTY;
  }

  /** `undefined` for null. A view of the frame. */
  readNullableBuffer(): Buffer | undefined {
    const length = this.readInt32();
    if (length === NULL_LENGTH) return undefined;
    if (length < 0) throw new WireError(`negative length of buffer: ${length}`);
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Null reads as the empty string. Bytes that are not UTF-8 read as U+FFFD, which no path may hold. */
  readString(): string {
    const length = this.#readLength('string');
    if (length === 0) return '';
    const at = this.#advance(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  /** Null reads as the empty vector. `bytesMin` is the least that an element takes: it bounds a count that lies. */
  readVector<T>(bytesMin: number, readElement: (reader: JuteReader) => T): T[] {
    const count = this.#readLength('vector');
    if (count * bytesMin > this.remaining) throw new WireError(`vector of ${count} does not fit the frame`);
    const elements: T[] = [];
    for (let index = 0; index < count; index++) elements.push(readElement(this));
    return elements;
  }

  readStrings(): string[] {
    return this.readVector(4, readString);
  }

  /** Throws a {@link WireError} when bytes are left over. */
  expectEnd(): void {
    if (this.remaining !== 0) throw new WireError(`${this.remaining} bytes after the end of the record`);
  }

  #readLength(what: string): number {
    const length = this.readInt32();
    if (length < -1) throw new WireError(`negative length of ${what}: ${length}`);
    return length === -1 ? 0 : length;
  }

  #int64AsNumber(): number {
    const at = this.#advance(8);
    return this.#bytes.readInt32BE(at) * TWO_32 + this.#bytes.readUInt32BE(at + 4);
  }

  #advance(length: number): number {
    const at = this.#offset;
    if (length > this.#bytes.length - at)
      throw new WireError(`frame ends ${length - this.remaining} bytes short`);
    this.#offset = at + length;
    return at;
  }
}

function readString(reader: JuteReader): string {
  return reader.readString();
}
