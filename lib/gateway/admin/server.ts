import type { Logger } from '../../base/logger.js';
import type { GatewayStatus } from '../status.js';
import { COMMAND_NAMES, runCommand } from './commands.js';
import { HttpServer, json, notServed, type Answer } from './http.js';
import { Metrics } from './metrics.js';

/** Where the commands are served. */
export interface AdminSettings {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** `/commands`, as in ZooKeeper. */
  readonly commandUrl: string;
}

const HTML = 'text/html;charset=utf-8';

/** ZooKeeper's AdminServer: commands as JSON, and beside them `/metrics` for Prometheus and `/health` for whoever looks after the process. */
export class AdminServer extends HttpServer {
  readonly #commandUrl: string;
  readonly #status: () => GatewayStatus;
  readonly #metrics: Metrics;

  constructor(options: {
    readonly commandUrl: string;
    readonly status: () => GatewayStatus;
    readonly logger: Logger;
  }) {
    super({ answer: (url) => this.#answer(url), logger: options.logger });
    this.#commandUrl = options.commandUrl.replace(/\/+$/, '');
    this.#status = options.status;
    this.#metrics = new Metrics(options.status);
  }

  async #answer({ pathname, searchParams }: URL): Promise<Answer> {
    if (pathname === '/health') return this.#health();
    if (pathname === '/metrics') return this.#metrics.answer();
    if (pathname === this.#commandUrl || pathname === `${this.#commandUrl}/`) return this.#list();
    if (!pathname.startsWith(`${this.#commandUrl}/`)) return notServed(pathname);
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
