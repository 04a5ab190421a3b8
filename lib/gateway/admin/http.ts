import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Logger } from '../../base/logger.js';
import { toJson } from './json.js';

/** Connections of operators and their tools at the same time. */
const CONNECTIONS_MAX = 64;

export interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

/** A small HTTP server of questions by GET. What `answer` throws is logged, and told as 500. */
export class HttpServer {
  readonly #server: Server;
  readonly #answer: (url: URL) => Promise<Answer>;
  readonly #logger: Logger;

  constructor(options: { readonly answer: (url: URL) => Promise<Answer>; readonly logger: Logger }) {
    this.#answer = options.answer;
    this.#logger = options.logger;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Resolves with the port when it serves, which is a free one for 0; rejects when the address cannot be had. */
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

  async #serve({ method, url }: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      if (method === 'GET' || method === 'HEAD') {
        answer = await this.#answer(new URL(url ?? '/', 'http://gateway'));
      } else answer = json(405, { error: `${method ?? ''} is not served` });
    } catch (error) {
      this.#logger.warn('an admin command failed', { url, error });
      answer = json(500, { error: 'the command could not be answered' });
    }
    response.writeHead(answer.code, { 'content-type': answer.type, 'cache-control': 'no-store' });
    response.end(method === 'HEAD' ? undefined : answer.body);
  }
}

export function json(code: number, body: unknown): Answer {
  return { code, type: 'application/json', body: toJson(body) };
}

export function notServed(pathname: string): Answer {
  return json(404, { error: `nothing is served at ${pathname}` });
}
