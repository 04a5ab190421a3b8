import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../base/logger.js';
import { answerJson } from './http.js';
import { type Invoker, serveInvoke } from './lambda/http.js';
import { listenError } from './ports.js';
import { type WebSocketApi } from './websocket/api.js';
import { serveConnections } from './websocket/management.js';

export interface HttpEndpointOptions {
  readonly lambda: Invoker;
  readonly webSocket: WebSocketApi;
  readonly logger: Logger;
}

/** What the emulator serves over HTTP, all at one port: Lambda's Invoke, the WebSocket API, and its management API. */
export class HttpEndpoint {
  readonly #options: HttpEndpointOptions;
  readonly #server: Server;
  #port = 0;
  #host = '';

  constructor(options: HttpEndpointOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('upgrade', (request, socket, head) => {
      options.webSocket.accept(request, socket, head).catch((error: unknown) => {
        options.logger.error('a WebSocket could not be opened', { error });
        socket.destroy();
      });
    });
  }

  /** Resolves when it serves; port 0 takes a free one. Throws `EmulatorError` when the address cannot be had. */
  async listen(at: { readonly host: string; readonly port: number }): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(listenError(error, `${at.host}:${at.port}`)));
      this.#server.listen(at.port, at.host, resolve);
    });
    this.#host = at.host.includes(':') ? `[${at.host}]` : at.host;
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** For `LambdaClient` and `ApiGatewayManagementApiClient`. */
  get url(): string {
    return `http://${this.#host}:${this.#port}`;
  }

  get webSocketUrl(): string {
    return `ws://${this.#host}:${this.#port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { lambda, webSocket, logger } = this.#options;
    try {
      if (await serveInvoke(lambda, request, response)) return;
      if (await serveConnections(webSocket, request, response)) return;
      answerJson(response, 404, { message: `the emulator does not serve ${request.method ?? ''} here` });
    } catch (error) {
      logger.warn('a request ended without an answer', { error });
      response.destroy();
    }
  }
}
