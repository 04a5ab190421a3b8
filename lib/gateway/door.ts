import type { Socket } from 'node:net';

import type { Logger } from '../base/logger.js';
import { plainAddress } from './auth.js';
import type { GatewayLimits } from './options.js';

/** Lets connections in as far as the bounds on their number allow. */
export class Door {
  readonly #limits: Pick<GatewayLimits, 'maxClientConnections' | 'connectionsMax'>;
  readonly #logger: Logger;
  readonly #perAddress = new Map<string, number>();
  #total = 0;
  #rejected = 0;

  constructor(limits: Pick<GatewayLimits, 'maxClientConnections' | 'connectionsMax'>, logger: Logger) {
    this.#limits = limits;
    this.#logger = logger;
  }

  /** Connections that were turned away. */
  get rejected(): number {
    return this.#rejected;
  }

  /** Connections that are open, those included whose TLS handshake is not over. */
  get total(): number {
    return this.#total;
  }

  /** Counts the connection until it is closed; false when there is no room for it. */
  admit(socket: Socket): boolean {
    const address = plainAddress(socket.remoteAddress ?? '');
    const count = this.#perAddress.get(address) ?? 0;
    const { maxClientConnections, connectionsMax } = this.#limits;
    if (isReached(count, maxClientConnections)) {
      return this.#refuse('too many connections from one address', { address, max: maxClientConnections });
    }
    if (isReached(this.#total, connectionsMax)) {
      return this.#refuse('too many connections', { address, max: connectionsMax });
    }
    this.#perAddress.set(address, count + 1);
    this.#total += 1;
    socket.once('close', () => this.#release(address));
    return true;
  }

  #refuse(reason: string, fields: { readonly address: string; readonly max: number }): false {
    this.#rejected += 1;
    this.#logger.warn(reason, fields);
    return false;
  }

  #release(address: string): void {
    this.#total -= 1;
    const left = (this.#perAddress.get(address) ?? 0) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }
}

/** 0 is no limit. */
function isReached(count: number, max: number): boolean {
  return max > 0 && count >= max;
}
