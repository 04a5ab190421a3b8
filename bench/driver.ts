import { connect, type Socket } from 'node:net';
import type { ServerAddress } from '../lib/client/tcp/index.js';
import {
  EMPTY,
  FrameReader,
  JuteReader,
  JuteWriter,
  PASSWORD_BYTES,
  REPLY_BYTES_MAX,
  operations,
  readConnectResponse,
  writeConnectRequest,
  writeRequestMessage,
} from '../lib/wire/index.js';

const SESSION_TIMEOUT_MS = 30_000;

/** Writes one request with the given xid. */
export type WriteRequest = (writer: JuteWriter, xid: number) => void;

/** Told of every answer in a closed loop. */
export type OnAnswer = (latencyMs: number, err: number) => void;

/**
 * One connection that keeps a fixed number of requests under way: as one is answered the next is sent. No promises and
 * next to no allocation per request, so that what is measured is the server.
 */
export class Driver {
  readonly #socket: Socket;
  readonly #frames = new FrameReader(REPLY_BYTES_MAX);
  readonly #writer = new JuteWriter();
  readonly #sentAtMs: Float64Array;
  readonly #pipeline: number;
  #xid = 1;
  /** Sent and answered requests, ever. */
  #sent = 0;
  #answered = 0;
  #write: WriteRequest | undefined;
  #onAnswer: OnAnswer = () => undefined;
  #idle: () => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;
  #greeted: (() => void) | undefined;
  #closing = false;

  private constructor(socket: Socket, pipeline: number) {
    this.#socket = socket;
    this.#pipeline = pipeline;
    this.#sentAtMs = new Float64Array(pipeline);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#closing || this.#fail(new Error('the server closed a connection')));
  }

  static async open(address: ServerAddress, pipeline: number): Promise<Driver> {
    const driver = new Driver(connect(address), pipeline);
    await new Promise<void>((resolve, reject) => {
      driver.#fail = reject;
      driver.#greeted = resolve;
      driver.#greet();
    });
    return driver;
  }

  /** Sends requests until `stop` says so; resolves when the last of them has been answered. */
  run(write: WriteRequest, onAnswer: OnAnswer, stop: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#write = write;
      this.#onAnswer = onAnswer;
      this.#idle = resolve;
      this.#fail = reject;
      void stop.then(() => (this.#write = undefined));
      for (let index = 0; index < this.#pipeline; index++) this.#send();
      this.#flush();
    });
  }

  close(): void {
    this.#closing = true;
    writeRequestMessage(this.#writer, { xid: 0, operation: operations.closeSession, body: EMPTY });
    this.#socket.end(this.#writer.take());
  }

  #greet(): void {
    this.#writer.beginFrame();
    writeConnectRequest(this.#writer, {
      protocolVersion: 0,
      lastZxidSeen: 0,
      timeoutMs: SESSION_TIMEOUT_MS,
      session: 0n,
      password: Buffer.alloc(PASSWORD_BYTES),
      readOnly: false,
    });
    this.#writer.endFrame();
    this.#flush();
  }

  #receive(chunk: Buffer): void {
    const now = performance.now();
    for (const frame of this.#frames.push(chunk)) {
      if (this.#greeted === undefined) this.#answer(frame, now);
      else this.#welcome(frame);
    }
    this.#flush();
    if (this.#answered === this.#sent && this.#write === undefined) this.#idle();
  }

  #welcome(frame: Buffer): void {
    const { timeoutMs } = readConnectResponse(new JuteReader(frame));
    const greeted = this.#greeted;
    this.#greeted = undefined;
    if (timeoutMs > 0) greeted?.();
    else this.#fail(new Error('the server refused the session'));
  }

  #answer(frame: Buffer, now: number): void {
    // The header: xid, zxid, err.
    if (frame.readInt32BE(0) < 0) return;
    const slot = this.#answered % this.#pipeline;
    this.#answered++;
    this.#onAnswer(now - (this.#sentAtMs[slot] ?? NaN), frame.readInt32BE(12));
    this.#send();
  }

  #send(): void {
    if (this.#write === undefined) return;
    this.#sentAtMs[this.#sent % this.#pipeline] = performance.now();
    this.#sent++;
    this.#write(this.#writer, this.#xid);
    this.#xid = this.#xid === 0x7fffffff ? 1 : this.#xid + 1;
  }

  #flush(): void {
    if (this.#writer.pending > 0) this.#socket.write(this.#writer.take());
  }
}
