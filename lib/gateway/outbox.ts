import type { Socket } from 'node:net';

/** So many bytes leave at once, whatever may still come in this turn. */
const FLUSH_BYTES = 64 * 1024;

/**
 * What a connection still has to tell its client, with two bounds: `paused` tells the connection to begin nothing
 * further, and {@link put} refuses beyond `bytesMax`, for a client that does not read at all.
 *
 * The frames of one turn of the event loop leave together.
 */
export class Outbox {
  readonly #socket: Socket;
  readonly #pauseBytes: number;
  readonly #bytesMax: number;
  #frames: Uint8Array[] = [];
  #frameBytes = 0;

  constructor(socket: Socket, bounds: { readonly pauseBytes: number; readonly bytesMax: number }) {
    this.#socket = socket;
    this.#pauseBytes = bounds.pauseBytes;
    this.#bytesMax = bounds.bytesMax;
  }

  /** Bytes that the client has not taken. */
  get bytes(): number {
    return this.#socket.writableLength + this.#frameBytes;
  }

  /** Until the socket's next `drain`. Without one to come nothing would end the pause. */
  get paused(): boolean {
    return this.bytes > this.#pauseBytes && this.#socket.writableNeedDrain;
  }

  /**
   * Queues one frame. False, and nothing is queued, when the client has left more than `bytesMax` unread. A single frame
   * may be longer than that: the bound is on what was there before.
   */
  put(frame: Uint8Array): boolean {
    if (this.bytes > this.#bytesMax) return false;
    this.#frames.push(frame);
    this.#frameBytes += frame.length;
    if (this.#frameBytes >= FLUSH_BYTES) this.flush();
    else if (this.#frames.length === 1) process.nextTick(() => this.flush());
    return true;
  }

  /** Hands what is queued to the socket, which must not have been ended. */
  flush(): void {
    const frames = this.#frames;
    if (frames.length === 0) return;
    this.#frames = [];
    this.#frameBytes = 0;
    if (!this.#socket.writable) return;
    const [first] = frames;
    this.#socket.write(frames.length === 1 && first !== undefined ? first : Buffer.concat(frames));
  }
}
