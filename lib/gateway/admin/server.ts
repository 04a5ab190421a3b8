import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Logger } from '../../base/logger.js';
import type { GatewayStatus } from '../status.js';
import { COMMAND_NAMES, runCommand } from './commands.js';
import { toJson } from './json.js';
import { Metrics } from './metrics.js';

/** Where the commands are served. */
export interface AdminSettings {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** `/commands`, as in ZooKeeper. */
  readonly commandUrl: string;
}

/** Connections of operators and their tools at the same time. */
const CONNECTIONS_MAX = 64;

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

const HTML = 'text/html;charset=utf-8';
const JSON_TYPE = 'application/json';

/** ZooKeeper's AdminServer: commands as JSON, and beside them `/metrics` for Prometheus and `/health` for whoever looks after the process. */
export class AdminServer {
  readonly #server: Server;
  readonly #commandUrl: string;
  readonly #status: () => GatewayStatus;
  readonly #metrics: Metrics;
  readonly #logger: Logger;

  constructor(options: {
    readonly commandUrl: string;
    readonly status: () => GatewayStatus;
    readonly logger: Logger;
  }) {
    this.#commandUrl = options.commandUrl.replace(/\/+$/, '');
    this.#status = options.status;
    this.#metrics = new Metrics(options.status);
    this.#logger = options.logger;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Resolves with the port when it serves; rejects when the address cannot be had. */
  async listen(at: { readonly host: string; readonly port: number }): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(at.port, at.host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#server.on('error', (error) => this.#logger.error('accept failed', { error }));
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.#answer(request);
    } catch (error) {
      this.#logger.warn('an admin command failed', { url: request.url, error });
      answer = json(500, { error: 'the command could not be answered' });
    }
    response.writeHead(answer.code, { 'content-type': answer.type, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  }

  async #answer({ method, url = '/' }: IncomingMessage): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return json(405, { error: `${method ?? ''} is not served` });
    const { pathname, searchParams } = new URL(url, 'http://gateway');
    if (pathname === '/health') return this.#health();
    if (pathname === '/metrics')
      return { code: 200, type: this.#metrics.contentType, body: await this.#metrics.text() };
    if (pathname === this.#commandUrl || pathname === `${this.#commandUrl}/`) return this.#list();
    if (!pathname.startsWith(`${this.#commandUrl}/`))
      return json(404, { error: `nothing is served at ${pathname}` });
    const name = pathname.slice(this.#commandUrl.length + 1);
    const { code, body } = await runCommand({ name, query: searchParams, status: this.#status() });
    return json(code, body);
  }

  /** 200 while clients can be served; 503 before, and while the gateway stops, so that no further ones are sent to it. */
  #health(): Answer {
    const { ready } = this.#status();
    return json(ready ? 200 : 503, { status: ready ? 'serving' : 'not serving' });
  }

  #list(): Answer {
    const links = COMMAND_NAMES.toSorted().map(
      (name) => `<a href="${this.#commandUrl}/${name}">${name}</a>\n<br/>\n`,
    );
    return { code: 200, type: HTML, body: links.join('') };
  }
}

function json(code: number, body: unknown): Answer {
  return { code, type: JSON_TYPE, body: toJson(body) };
}
