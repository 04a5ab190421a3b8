import type { Socket } from 'node:net';

/**
 * What a connection still has to tell its client, with two bounds: `paused` tells the connection to begin nothing
 * further, and {@link put} refuses beyond `bytesMax`, for a client that does not read at all.
 *
 * All frames of one turn of the event loop leave in one system call.
 */
export class Outbox {
  readonly #socket: Socket;
  readonly #pauseBytes: number;
  readonly #bytesMax: number;
  #corked = false;

  constructor(socket: Socket, bounds: { readonly pauseBytes: number; readonly bytesMax: number }) {
    this.#socket = socket;
    this.#pauseBytes = bounds.pauseBytes;
    this.#bytesMax = bounds.bytesMax;
  }

  /** Bytes that the client has not taken. */
  get bytes(): number {
    return this.#socket.writableLength;
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
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(frame);
    return true;
  }
}
