import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import {
  FrameReader,
  JuteReader,
  JuteWriter,
  readConnectRequest,
  readRequestMessage,
  writeConnectResponse,
  writeHeaderReply,
  writeNotification,
  writeReplyMessage,
  type ConnectRequest,
  type Operation,
  type RequestHeader,
  type WireRequest,
} from '../../lib/wire/index.js';

export interface Received {
  readonly header: RequestHeader;
  readonly request: WireRequest;
}

const ISRO = Buffer.from('isro');

/** One client's connection, as the script of a test sees it: what comes in is awaited, what goes out is told. */
export class ScriptedPeer {
  readonly #socket: Socket;
  readonly #frames = new FrameReader();
  readonly #writer = new JuteWriter();
  readonly #received: Buffer[] = [];
  readonly #waiting: ((frame: Buffer) => void)[] = [];
  /** The peer asks four-letter words: there are no frames. */
  #raw = false;
  readonly closed: Promise<void>;
  /** Resolves when the peer asks `isro`. */
  readonly isro: Promise<void>;
  #asked: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.isro = new Promise((resolve) => (this.#asked = resolve));
    socket.on('data', (chunk: Buffer) => {
      if (this.#raw) return;
      if (chunk.equals(ISRO)) {
        this.#raw = true;
        this.#asked();
        return;
      }
      for (const frame of this.#frames.push(chunk)) this.#take(frame);
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /** Awaits the handshake and accepts it. */
  async accept(session = 77n, timeoutMs = 6000): Promise<ConnectRequest> {
    const request = await this.handshake();
    this.greet(session, timeoutMs);
    return request;
  }

  /** Awaits the handshake. */
  async handshake(): Promise<ConnectRequest> {
    return readConnectRequest(new JuteReader(await this.#next()));
  }

  greet(session: bigint, timeoutMs: number, readOnly = false): void {
    this.#writer.beginFrame();
    const password = Buffer.alloc(16, Number(session % 256n));
    writeConnectResponse(this.#writer, { protocolVersion: 0, timeoutMs, session, password, readOnly });
    this.#writer.endFrame();
    this.#flush();
  }

  /** The next request that is no ping. */
  async request(): Promise<Received> {
    for (;;) {
      const { header, request } = readRequestMessage(await this.#next());
      if (request === undefined) throw new Error(`unknown opcode ${header.opcode}`);
      if (request.name !== 'ping') return { header, request };
    }
  }

  async ping(): Promise<void> {
    const { header } = readRequestMessage(await this.#next());
    if (header.xid !== -2) throw new Error(`not a ping: ${header.xid}`);
  }

  reply<Response>(xid: number, operation: Operation<unknown, Response>, body: Response): void {
    writeReplyMessage(this.#writer, { header: { xid, zxid: 500, err: 0 }, operation, body });
    this.#flush();
  }

  /** A reply that is its header alone. */
  answer(xid: number, err = 0): void {
    writeHeaderReply(this.#writer, { xid, zxid: 500, err });
    this.#flush();
  }

  notify(type: number, path: string): void {
    writeNotification(this.#writer, { type, state: 3, path, zxid: 501 });
    this.#flush();
  }

  /** Answers a four-letter word. */
  sendAndClose(text: string): void {
    this.#raw = true;
    this.#socket.end(text);
  }

  /** Collects what is written until `release`, so that it arrives in one chunk. */
  cork(): () => void {
    this.#socket.cork();
    return () => this.#socket.uncork();
  }

  drop(): void {
    this.#socket.destroy();
  }

  #take(frame: Buffer): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#received.push(frame);
    else waiting(frame);
  }

  #next(): Promise<Buffer> {
    const frame = this.#received.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #flush(): void {
    this.#socket.write(this.#writer.take());
  }
}

/** A server on a free port of this machine that does what a test says. */
export class ScriptedServer {
  readonly #server: Server;
  readonly #peers: ScriptedPeer[] = [];
  readonly #arrived: ScriptedPeer[] = [];
  readonly #waiting: ((peer: ScriptedPeer) => void)[] = [];

  private constructor() {
    this.#server = createServer((socket) => {
      const peer = new ScriptedPeer(socket);
      this.#peers.push(peer);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#arrived.push(peer);
      else waiting(peer);
    });
  }

  static async listen(): Promise<ScriptedServer> {
    const scripted = new ScriptedServer();
    await new Promise<void>((resolve) => scripted.#server.listen(0, '127.0.0.1', resolve));
    return scripted;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next connection. */
  peer(): Promise<ScriptedPeer> {
    const peer = this.#arrived.shift();
    if (peer !== undefined) return Promise.resolve(peer);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    for (const peer of this.#peers) peer.drop();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
