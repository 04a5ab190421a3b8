/** An entry that this version cannot read: written by a newer one, or damaged. Reading on would be wrong. */
export class EntryFormatError extends Error {
  override readonly name = 'EntryFormatError';
}

/** What the parts of an entry are written to: {@link ByteWriter}, or {@link ByteCounter} to learn the size alone. */
export interface ByteSink {
  byte(value: number): void;
  /** A whole number, 0 … 2^53 − 1. */
  varint(value: number): void;
  /** A whole number of either sign, up to 2^52 in size. */
  signed(value: number): void;
  /** Length and UTF-8. */
  text(value: string): void;
  /** Length and bytes. */
  bytes(value: Uint8Array): void;
  /** Bytes whose length the reader knows from elsewhere. */
  raw(value: Uint8Array): void;
  /** So many bytes as lower-case hex, without a length. */
  hex(value: string, bytes: number): void;
  /** A path, without what it shares with the path before it. */
  path(value: string): void;
  /** A session's id, in eight bytes the first time it occurs. */
  session(value: bigint): void;
}

const INITIAL_BYTES = 512;
const VARINT_BYTES_MAX = 8;

export class ByteWriter implements ByteSink {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;
  #lastPath = '';
  readonly #sessions = new Map<bigint, number>();

  /** A view of what has been written. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  varint(value: number): void {
    checkWhole(value);
    this.#reserve(VARINT_BYTES_MAX);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
  }

  signed(value: number): void {
    this.varint(zigzag(value));
  }

  text(value: string): void {
    const bytes = Buffer.byteLength(value);
    this.varint(bytes);
    this.#reserve(bytes);
    this.#length += this.#buffer.write(value, this.#length, 'utf8');
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.raw(value);
  }

  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  hex(value: string, bytes: number): void {
    checkHex(value, bytes);
    this.#reserve(bytes);
    this.#length += this.#buffer.write(value, this.#length, 'hex');
  }

  path(value: string): void {
    const shared = sharedLength(this.#lastPath, value);
    this.varint(shared);
    this.text(value.slice(shared));
    this.#lastPath = value;
  }

  session(value: bigint): void {
    if (value === 0n) {
      this.varint(0);
      return;
    }
    const known = this.#sessions.get(value);
    if (known !== undefined) {
      this.varint(known);
      return;
    }
    const index = this.#sessions.size + 1;
    this.#sessions.set(value, index);
    this.varint(index);
    this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64BE(value, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

/** Counts an upper bound: as if nothing were shared with what stands before. */
export class ByteCounter implements ByteSink {
  length = 0;

  byte(): void {
    this.length += 1;
  }

  varint(value: number): void {
    checkWhole(value);
    let rest = value;
    do {
      this.length += 1;
      rest = Math.floor(rest / 0x80);
    } while (rest > 0);
  }

  signed(value: number): void {
    this.varint(zigzag(value));
  }

  text(value: string): void {
    this.#sized(Buffer.byteLength(value));
  }

  bytes(value: Uint8Array): void {
    this.#sized(value.length);
  }

  raw(value: Uint8Array): void {
    this.length += value.length;
  }

  hex(value: string, bytes: number): void {
    checkHex(value, bytes);
    this.length += bytes;
  }

  path(value: string): void {
    this.length += 1;
    this.text(value);
  }

  session(value: bigint): void {
    this.length += value === 0n ? 1 : 3 + 8;
  }

  #sized(bytes: number): void {
    this.varint(bytes);
    this.length += bytes;
  }
}

/** Reads what {@link ByteWriter} wrote. Every method throws {@link EntryFormatError} for bytes that it cannot have written. */
export class ByteReader {
  readonly #buffer: Buffer;
  #offset = 0;
  #lastPath = '';
  readonly #sessions: bigint[] = [];

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  byte(): number {
    return this.#take(1)[0] ?? 0;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < VARINT_BYTES_MAX; count++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return checkRead(value);
      scale *= 0x80;
    }
    throw new EntryFormatError('a number in the entry is too long');
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  text(): string {
    return this.#take(this.varint()).toString('utf8');
  }

  bytes(): Uint8Array {
    return this.raw(this.varint());
  }

  /** A copy, so that a small value does not keep a whole entry in memory. */
  raw(bytes: number): Uint8Array {
    return Uint8Array.from(this.#take(bytes));
  }

  hex(bytes: number): string {
    return this.#take(bytes).toString('hex');
  }

  path(): string {
    const shared = this.varint();
    if (shared > this.#lastPath.length) throw new EntryFormatError('a path in the entry shares too much');
    this.#lastPath = this.#lastPath.slice(0, shared) + this.text();
    return this.#lastPath;
  }

  session(): bigint {
    const index = this.varint();
    if (index === 0) return 0n;
    if (index > this.#sessions.length + 1) throw new EntryFormatError('a session in the entry is not named');
    if (index === this.#sessions.length + 1) this.#sessions.push(this.#take(8).readBigUInt64BE());
    return this.#sessions[index - 1] ?? 0n;
  }

  /** How many things follow, each at least one byte long; `offset` is what the number counts besides them. */
  count(offset = 0): number {
    const count = this.varint();
    if (count - offset > this.remaining) throw new EntryFormatError('the entry is cut off');
    return count;
  }

  #take(bytes: number): Buffer {
    if (bytes > this.remaining) throw new EntryFormatError('the entry is cut off');
    this.#offset += bytes;
    return this.#buffer.subarray(this.#offset - bytes, this.#offset);
  }
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function checkWhole(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new EntryFormatError(`not a number that an entry can hold: ${value}`);
  }
}

function checkRead(value: number): number {
  if (!Number.isSafeInteger(value)) throw new EntryFormatError('a number in the entry is too large');
  return value;
}

function checkHex(value: string, bytes: number): void {
  if (value.length !== 2 * bytes || !/^[0-9a-f]*$/.test(value)) {
    throw new EntryFormatError(`not ${bytes} bytes in lower-case hex: ${value}`);
  }
}

/** In UTF-16 units, never cutting a surrogate pair in two. */
function sharedLength(before: string, path: string): number {
  const end = Math.min(before.length, path.length);
  let shared = 0;
  while (shared < end && before.charCodeAt(shared) === path.charCodeAt(shared)) shared++;
  const last = path.charCodeAt(shared - 1);
  return shared > 0 && last >= 0xd800 && last < 0xdc00 ? shared - 1 : shared;
}
