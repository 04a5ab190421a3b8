import { connect, type Socket } from 'node:net';

import {
  FrameReader,
  JuteReader,
  JuteWriter,
  operations,
  readConnectResponse,
  readReplyMessage,
  readWatcherEvent,
  REPLY_BYTES_MAX,
  writeConnectRequest,
  writeRequestMessage,
  Xid,
  type ConnectRequest,
  type ConnectResponse,
  type OperationName,
  type Operation,
  type RequestOf,
  type ResponseOf,
  type WatcherEvent,
} from '../../../lib/wire/index.js';

/** What a server has sent after the handshake, in the order of its arrival. */
export type Received =
  | {
      readonly kind: 'reply';
      readonly xid: number;
      readonly zxid: number;
      readonly err: number;
      readonly body: JuteReader;
      /** The body's, undecoded. */
      readonly bytes: Buffer;
    }
  | { readonly kind: 'event'; readonly zxid: number; readonly event: WatcherEvent };

const NEW_SESSION: ConnectRequest = {
  protocolVersion: 0,
  lastZxidSeen: 0,
  timeoutMs: 10_000,
  session: 0n,
  password: new Uint8Array(16),
  readOnly: false,
};

/** A client that does nothing by itself: it sends what a test tells it to and keeps everything in order of arrival. */
export class WireClient {
  readonly socket: Socket;
  readonly #frames: Buffer[] = [];
  readonly #reader = new FrameReader(REPLY_BYTES_MAX);
  readonly #wakers: (() => void)[] = [];
  readonly closed: Promise<void>;
  #ended = false;
  #nextXid = 1;

  /** By a port of this machine, or over a connection that is there. */
  constructor(to: number | Socket) {
    this.socket = typeof to === 'number' ? connect(to, '127.0.0.1') : to;
    this.socket.on('data', (chunk: Buffer) => {
      this.#frames.push(...this.#reader.push(chunk));
      this.#wake();
    });
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.#ended = true;
        this.#wake();
        resolve();
      });
    });
  }

  static async open(
    to: number | Socket,
    request: Partial<ConnectRequest> = {},
  ): Promise<WireClient & { response: ConnectResponse }> {
    const client = new WireClient(to);
    const response = await client.shake(request);
    return Object.assign(client, { response });
  }

  async shake(request: Partial<ConnectRequest> = {}): Promise<ConnectResponse> {
    this.sendConnect(request);
    const response = await this.receiveConnect();
    if (response === undefined) throw new Error('the server hung up during the handshake');
    return response;
  }

  /** The answer to a handshake; `undefined` when the server has hung up instead. */
  async receiveConnect(): Promise<ConnectResponse | undefined> {
    const frame = await this.#frame();
    return frame && readConnectResponse(new JuteReader(frame));
  }

  sendConnect(request: Partial<ConnectRequest> = {}): void {
    const writer = new JuteWriter();
    writer.beginFrame();
    writeConnectRequest(writer, { ...NEW_SESSION, ...request });
    writer.endFrame();
    this.socket.write(writer.take());
  }

  /** Sends a request and returns its xid. */
  send<Name extends OperationName>(name: Name, body: RequestOf<Name>, xid = this.#nextXid++): number {
    this.socket.write(this.encode(name, body, xid));
    return xid;
  }

  encode<Name extends OperationName>(name: Name, body: RequestOf<Name>, xid: number): Buffer {
    const writer = new JuteWriter();
    const operation = operations[name] as unknown as Operation<RequestOf<Name>, unknown>;
    writeRequestMessage(writer, { xid, operation, body });
    return writer.take();
  }

  /** The next thing that arrives; `undefined` when the server has hung up instead. */
  async next(): Promise<Received | undefined> {
    const frame = await this.#frame();
    if (frame === undefined) return undefined;
    const { header, reader } = readReplyMessage(frame);
    if (header.xid !== Xid.notification) {
      const bytes = frame.subarray(frame.length - reader.remaining);
      return { kind: 'reply', ...header, body: reader, bytes };
    }
    return { kind: 'event', zxid: header.zxid, event: readWatcherEvent(reader) };
  }

  /** Sends a request and takes the next thing that arrives for its reply. Fails when it is not. */
  async call<Name extends OperationName>(
    name: Name,
    body: RequestOf<Name>,
    xid = this.#nextXid++,
  ): Promise<{ zxid: number; err: number; response: ResponseOf<Name> | undefined }> {
    this.send(name, body, xid);
    const reply = await this.next();
    if (reply?.kind !== 'reply' || reply.xid !== xid) {
      throw new Error(`not the reply to ${name} ${xid}: ${JSON.stringify(reply)}`);
    }
    const decode = () => operations[name].readResponse(reply.body) as ResponseOf<Name>;
    const response = reply.err === 0 && reply.body.remaining > 0 ? decode() : undefined;
    return { zxid: reply.zxid, err: reply.err, response };
  }

  /** So many things, in order of arrival. */
  async take(count: number): Promise<Received[]> {
    const received: Received[] = [];
    while (received.length < count) {
      const one = await this.next();
      if (one === undefined) throw new Error(`the server hung up after ${received.length} of ${count}`);
      received.push(one);
    }
    return received;
  }

  /** Things that have arrived and were not taken. */
  get untaken(): number {
    return this.#frames.length;
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #frame(): Promise<Buffer | undefined> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined || this.#ended) return frame;
      await new Promise<void>((resolve) => this.#wakers.push(resolve));
    }
  }

  #wake(): void {
    for (const waker of this.#wakers.splice(0)) waker();
  }
}

/** Everything that a server says to `bytes` until it hangs up. */
export async function ask(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
