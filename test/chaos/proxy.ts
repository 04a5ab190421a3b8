import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Bytes that a side may have waiting in the proxy before it is no longer read from. */
const WAITING_BYTES_MAX = 1024 * 1024;

/** A TCP proxy whose connections can be held up, silenced and cut. One target, any number of connections. */
export class Proxy {
  readonly #server: Server;
  readonly #target: { readonly port: number };
  readonly #pairs = new Set<Pair>();
  #delayMs = 0;
  #isSilent = false;
  #isClosed = false;

  private constructor(server: Server, target: { readonly port: number }) {
    this.#server = server;
    this.#target = target;
    server.on('connection', (socket) => this.#accept(socket));
  }

  static async listen(target: { readonly port: number }): Promise<Proxy> {
    const server = createServer();
    const proxy = new Proxy(server, target);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What comes from now on is passed on so much later, in both directions. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Nothing is passed on, and nobody is told: what was sent meanwhile is lost with its connection when that ends. */
  silence(isSilent: boolean): void {
    this.#isSilent = isSilent;
    if (!isSilent) this.cut();
  }

  /** New connections are refused. */
  refuse(isClosed: boolean): void {
    this.#isClosed = isClosed;
    if (isClosed) this.cut();
  }

  cut(): void {
    for (const pair of this.#pairs) pair.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(near: Socket): void {
    if (this.#isClosed) {
      near.destroy();
      return;
    }
    const far = connect({ port: this.#target.port, host: '127.0.0.1', noDelay: true });
    const pair = new Pair(near, far);
    this.#pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk) => this.#pass(chunk, { from, to }));
      from.on('error', () => pair.destroy());
      from.on('close', () => {
        pair.destroy();
        this.#pairs.delete(pair);
      });
    }
  }

  #pass(chunk: Buffer, { from, to }: { from: Socket; to: Socket }): void {
    if (this.#isSilent) return;
    const write = () => {
      if (!to.destroyed && !this.#isSilent) to.write(chunk);
      if (to.writableLength > WAITING_BYTES_MAX) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    };
    // Timers of one delay fire in their order, so bytes stay in theirs while the delay stays.
    if (this.#delayMs === 0) write();
    else setTimeout(write, this.#delayMs);
  }
}

class Pair {
  readonly #near: Socket;
  readonly #far: Socket;

  constructor(near: Socket, far: Socket) {
    this.#near = near;
    this.#far = far;
  }

  destroy(): void {
    this.#near.destroy();
    this.#far.destroy();
  }
}
